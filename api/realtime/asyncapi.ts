import { OpenApiGeneratorV31 } from '@asteasolutions/zod-to-openapi';
import type { z } from 'zod';
import {
  type Audience,
  AUDIENCES,
  CLIENT_MESSAGES,
  REALTIME_EVENTS,
} from '../../domain/notices/realtimeEvents';

/** The part of JSON Schema that the docs pages read. */
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
  'Events that the service sends over Socket.IO, in the namespace `/`.',
  'The client sends its token as `auth.token` of the handshake. The role of the token selects the channel.',
  'Delivery is not guaranteed: an event may arrive twice, and a disconnected client misses events.',
  'Every client receives the current state of its role on each connection: STATE, OPS_STATE, MERCHANT_STATE or',
  'TRACKING_STATE. SESSION_EXPIRING comes a minute before the token ends; SESSION_REFRESH goes on with another.',
  'Connect by WebSocket first: long polling, where it is served, needs sticky sessions.',
  'Later versions may add events; ignore unknown ones.',
].join(' ');

/** The AsyncAPI 3 document of the realtime events, generated from their schemas. */
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
          description: 'Sent as `auth.token` of the Socket.IO handshake',
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

/** These schemas and the schemas they refer to, by id, in OpenAPI form. */
function schemasOf(bodies: readonly z.ZodType[]): Record<string, JsonSchema> {
  const definitions = [...new Set(bodies)].map((schema) => ({ type: 'schema' as const, schema }));
  const { components } = new OpenApiGeneratorV31(definitions).generateComponents();
  return Object.fromEntries(Object.entries(components?.schemas ?? {}));
}

/** @throws Error if the schema has no id */
function refOf(body: z.ZodType): Reference {
  const id = body.meta()?.id;
  if (id === undefined) throw new Error('the schema of an event body needs an id');
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

function nameOf(audience: Audience): string {
  switch (audience) {
    case 'ops':
      return 'ops';
    case 'tracking':
      return 'a follower of a delivery';
    case 'driver':
    case 'merchant':
      return `a ${audience}`;
  }
}

const CHANNELS: Record<Audience, string> = {
  driver: 'Sockets with a driver token. Drivers receive events about their own offers and deliveries.',
  ops: 'Sockets with an ops token. Ops receive the events of every city of the token.',
  merchant: 'Sockets with a merchant token. Merchants receive events about their own deliveries.',
  tracking: 'Sockets with a tracking token. They receive events about its one delivery.',
};

/** The events sent to this audience. */
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

/** A Socket.IO acknowledgement has no name, so the document gives it one. */
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
