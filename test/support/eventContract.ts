import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import type { AsyncApiDocument } from '../../api/realtime/asyncapi';
import type { Audience } from '../../domain/notices/realtimeEvents';

/** One event as it came over a socket. */
export type Heard = { event: string; body: unknown };

/** Holds what comes over sockets to an AsyncAPI document. */
export class EventContract {
  private readonly ajv = addFormats(new Ajv({ strict: false, allErrors: true }));

  constructor(private readonly document: AsyncApiDocument) {
    this.ajv.addSchema({ $id: 'asyncapi', ...document });
  }

  /** The events that this audience is promised. */
  events(audience: Audience): string[] {
    const { messages } = this.document.operations[`send_to_${audience}`] ?? { messages: [] };
    return messages.map(({ $ref }) => nameIn($ref));
  }

  /** What of these events the document does not say; empty where all is as documented. */
  violations(audience: Audience, heard: readonly Heard[]): string[] {
    const documented = this.events(audience);
    return heard.flatMap(({ event, body }) => {
      if (!documented.includes(event)) return [`${event} is not documented for ${audience}`];
      const { $ref } = this.document.components.messages[event]?.payload ?? { $ref: '' };
      const validate = this.ajv.getSchema(`asyncapi${$ref}`);
      if (!validate) return [`${event} has no schema`];
      if (validate(body) === true) return [];
      return [
        `${event} ${this.ajv.errorsText(validate.errors, { dataVar: 'body' })}: ${JSON.stringify(body)}`,
      ];
    });
  }
}

const nameIn = (ref: string): string => ref.split('/').at(-1) ?? '';
