export type { Client } from 'openapi-fetch';
export { type ApiClient, type ApiClientOptions, createApiClient, dataOf, type Reply } from './client.ts';
export {
  type Problem,
  type ProblemCode,
  ProblemError,
  ServiceUnavailableError,
  UnexpectedAnswerError,
} from './errors.ts';
export {
  type Audience,
  connectEvents,
  type EventBody,
  type EventName,
  type EventSocket,
  type EventSocketOptions,
  type SocketRefusal,
} from './events.ts';
export type { components, operations, paths } from './generated/api.ts';
