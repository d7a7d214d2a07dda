import { OpenApiGeneratorV31 } from '@asteasolutions/zod-to-openapi';
import type { z } from 'zod';
import {
  type Audience,
  AUDIENCES,
  CLIENT_MESSAGES,
  REALTIME_EVENTS,
} from '../../domain/notices/realtimeEvents';

/** A schema in JSON, as far as the pages of docs read it. */
export type JsonSchema = {
  $ref?: string;
  description?: string;
  type?: string | string[];
  properties?: Record<string, JsonSchema>;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  allOf?: JsonSchema[];
  enum?: unknown[];
  const?: unknown;
  format?: string;
};

type Reference = { $ref: string };
type Message = { name: string; summary: string; contentType: 'application/json'; payload: Reference };
type Channel = { address: '/'; title: string; description: string; messages: Record<string, Reference> };
type Operation = {
  action: 'send' | 'receive';
  channel: Reference;
  summary: string;
  messages: Reference[];
  reply?: { channel: Reference; messages: Reference[] };
};

export type AsyncApiDocument = {
  asyncapi: '3.0.0';
  info: { title: string; version: string; description: string };
  defaultContentType: 'application/json';
  channels: Record<string, Channel>;
  operations: Record<string, Operation>;
  components: {
    messages: Record<string, Message>;
    schemas: Record<string, JsonSchema>;
    securitySchemes: Record<
      string,
      { type: 'http'; scheme: 'bearer'; bearerFormat: 'JWT'; description: string }
    >;
  };
};

const DESCRIPTION = [
  'What the service sends over Socket.IO, in the namespace `/`.',
  'The token travels as `auth.token` of the handshake; its role decides which channel a socket is in.',
  'An event may come twice. A client that is away misses events: drivers are sent STATE on every connection,',
  'others read what they show again over HTTP.',
  'Later versions may add events; leave out those that you do not know.',
].join(' ');

/** The description of realtime events (AsyncAPI 3), made from the schemas that type what is sent. */
export function asyncApiDocument(): AsyncApiDocument {
  return {
    asyncapi: '3.0.0',
    info: { title: 'driver-service realtime', version: '2.1.0', description: DESCRIPTION },
    defaultContentType: 'application/json',
    channels: Object.fromEntries(AUDIENCES.map((audience) => [audience, channelOf(audience)])),
    operations: Object.fromEntries(AUDIENCES.flatMap((audience) => Object.entries(operationsOf(audience)))),
    components: {
      messages: messageComponents(),
      schemas: schemasOf([
        ...Object.values(REALTIME_EVENTS).map(({ body }) => body),
        ...Object.values(CLIENT_MESSAGES).flatMap(({ body, reply }) => [body, reply]),
      ]),
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'As `auth.token` of the Socket.IO handshake',
        },
      },
    },
  };
}

function messageComponents(): Record<string, Message> {
  const shown = [
    ...Object.entries(REALTIME_EVENTS).map(([name, { summary, body }]) => messageOf(name, summary, body)),
    ...Object.entries(CLIENT_MESSAGES).flatMap(([name, { summary, body, reply }]) => [
      messageOf(name, summary, body),
      messageOf(replyTo(name), `The acknowledgement of ${name}`, reply),
    ]),
  ];
  return Object.fromEntries(shown.map((message) => [message.name, message]));
}

function messageOf(name: string, summary: string, body: z.ZodType): Message {
  return { name, summary, contentType: 'application/json', payload: refOf(body) };
}

/** These schemas and those that they name, each under its id, as the OpenAPI document shows schemas. */
function schemasOf(bodies: readonly z.ZodType[]): Record<string, JsonSchema> {
  const definitions = [...new Set(bodies)].map((schema) => ({ type: 'schema' as const, schema }));
  const { components } = new OpenApiGeneratorV31(definitions).generateComponents();
  return Object.fromEntries(Object.entries(components?.schemas ?? {}));
}

/** @throws where the schema has no id */
function refOf(body: z.ZodType): Reference {
  const id = body.meta()?.id;
  if (id === undefined) throw new Error('the body of an event needs a schema with an id');
  return { $ref: `#/components/schemas/${id}` };
}

function channelOf(audience: Audience): Channel {
  const names = [...eventsTo(audience), ...messagesFrom(audience).flatMap(([name]) => [name, replyTo(name)])];
  return {
    address: '/',
    title: `Events for ${nameOf(audience)}`,
    description: CHANNELS[audience],
    messages: Object.fromEntries(names.map((name) => [name, { $ref: `#/components/messages/${name}` }])),
  };
}

const nameOf = (audience: Audience): string => (audience === 'ops' ? 'ops' : `a ${audience}`);

const CHANNELS: Record<Audience, string> = {
  driver: 'Sockets with the token of a driver: what concerns this driver.',
  ops: 'Sockets with a token of ops: what happens in the cities of the token.',
  merchant: 'Sockets with the token of a merchant: news of its deliveries.',
};

/** Events that this audience hears. */
function eventsTo(audience: Audience): string[] {
  return Object.entries(REALTIME_EVENTS).flatMap(([name, { to }]) =>
    to.some((each) => each === audience) ? [name] : [],
  );
}

function messagesFrom(audience: Audience): [name: string, summary: string][] {
  return Object.entries(CLIENT_MESSAGES).flatMap(([name, { from, summary }]) =>
    from.some((each) => each === audience) ? [[name, summary]] : [],
  );
}

/** Socket.IO acknowledges a message without a name of its own. */
const replyTo = (name: string): string => `${name}_ACK`;

function operationsOf(audience: Audience): Record<string, Operation> {
  const channel = { $ref: `#/channels/${audience}` };
  const inChannel = (name: string): Reference => ({ $ref: `${channel.$ref}/messages/${name}` });
  const sends: Operation = {
    action: 'send',
    channel,
    summary: `Events for ${nameOf(audience)}`,
    messages: eventsTo(audience).map(inChannel),
  };
  const receives = messagesFrom(audience).map(([name, summary]): [string, Operation] => [
    `receive_${name}_from_${audience}`,
    {
      action: 'receive',
      channel,
      summary,
      messages: [inChannel(name)],
      reply: { channel, messages: [inChannel(replyTo(name))] },
    },
  ]);
  return { [`send_to_${audience}`]: sends, ...Object.fromEntries(receives) };
}
