/**
 * Histories in Temporal's own JSON, as its command line and web UI write it. What `historyToJSON` of @temporalio/common does, which fails where npm put
 * two copies of protobufjs side by side, as it must here: grpc needs an older one, and theirs is not that of @temporalio/proto then.
 */
import { createRequire } from 'node:module';
import type { History } from '@temporalio/common/lib/proto-utils';

/** A history as it stands in a file. */
export type RecordedHistory = { events: Record<string, unknown>[] };

type HistoryType = { fromObject(history: History): History };
type Protos = { temporal: { api: { history: { v1: { History: HistoryType } } } } };
type Root = { lookupType(name: string): HistoryType };
type ProtoJson = { toJson(type: HistoryType, message: History): unknown; fromJson(type: HistoryType, json: unknown, options: { ignoreUnknownFields: boolean }): unknown };

const ofCommon = createRequire(require.resolve('@temporalio/common'));
const ofProtos = createRequire(ofCommon.resolve('@temporalio/proto'));
const protos = ofCommon('@temporalio/proto') as Protos;
const { patchProtobufRoot } = ofCommon('@temporalio/proto/lib/patch-protobuf-root') as { patchProtobufRoot(root: Protos): Root };
const { toJson, fromJson } = ofProtos('protobufjs/ext/protojson') as ProtoJson;
const historyType = patchProtobufRoot(protos).lookupType('temporal.api.history.v1.History');

export function toRecorded(history: History): RecordedHistory {
  return toJson(historyType, protos.temporal.api.history.v1.History.fromObject(history)) as RecordedHistory;
}

/** What the SDK replays. Fields that a newer server added are passed over. */
export function toReplayable(recorded: RecordedHistory): History {
  return fromJson(historyType, recorded, { ignoreUnknownFields: true }) as History;
}
