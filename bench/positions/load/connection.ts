import { connect, type Socket } from 'node:net';

const STATUS_AT = 'HTTP/1.1 '.length;
const HEAD_END = '\r\n\r\n';

type Waiting = { answer: (status: number) => void; fail: (error: Error) => void };

/**
 * One HTTP/1.1 keep-alive connection with one request at a time. Node's own client uses as much CPU as the
 * service under test. This one parses only what the two servers of the bench send: responses with a
 * content-length.
 */
export class LoadConnection {
  private received = '';
  private waiting: Waiting | null = null;

  private constructor(private readonly socket: Socket) {
    socket.setEncoding('latin1').setNoDelay(true);
    socket.on('data', (chunk) => this.take(String(chunk)));
    socket.on('error', (error) => this.fail(error));
    socket.on('close', () => this.fail(new Error('the server closed the connection')));
  }

  static open(port: number): Promise<LoadConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new LoadConnection(socket));
      });
    });
  }

  /**
   * Posts ASCII JSON.
   * @returns the status, once the whole response has arrived
   * @throws Error where the connection is lost or the response has no length
   */
  post(path: string, token: string, body: string): Promise<number> {
    return new Promise((answer, fail) => {
      this.waiting = { answer, fail };
      const head = [
        `POST ${path} HTTP/1.1`,
        'host: 127.0.0.1',
        `authorization: Bearer ${token}`,
        'content-type: application/json',
        `content-length: ${body.length}`,
      ];
      this.socket.write(`${head.join('\r\n')}${HEAD_END}${body}`, 'latin1');
    });
  }

  close(): void {
    this.waiting = null;
    this.socket.destroy();
  }

  private take(chunk: string): void {
    this.received += chunk;
    const headEnd = this.received.indexOf(HEAD_END);
    if (headEnd < 0) return;
    const head = this.received.slice(0, headEnd);
    const [, length] = /\r\ncontent-length: (\d+)/i.exec(head) ?? [];
    if (length === undefined) return this.fail(new Error('a response without content-length'));
    const end = headEnd + HEAD_END.length + Number(length);
    if (this.received.length < end) return;
    this.received = this.received.slice(end);
    const { waiting } = this;
    this.waiting = null;
    waiting?.answer(Number(head.slice(STATUS_AT, STATUS_AT + 3)));
  }

  private fail(error: Error): void {
    const { waiting } = this;
    this.waiting = null;
    waiting?.fail(error);
  }
}
