/**
 * Histories in Temporal's JSON format, as its CLI and web UI export them. `historyToJSON` of
 * @temporalio/common would do the same, but fails where npm installs two copies of protobufjs, as it does
 * here: grpc needs an older one.
 */
import { createRequire } from 'node:module';
import type { History } from '@temporalio/common/lib/proto-utils';
import { z } from 'zod';

const RECORDED = z.object({ events: z.array(z.record(z.string(), z.unknown())) });
/** A history as a file holds it. */
export type RecordedHistory = z.infer<typeof RECORDED>;

type HistoryType = { fromObject(history: History): History };
type Protos = { temporal: { api: { history: { v1: { History: HistoryType } } } } };
type PatchRoot = { patchProtobufRoot: (root: Protos) => { lookupType(name: string): HistoryType } };
type ProtoJson = {
  toJson: (type: HistoryType, message: History) => unknown;
  fromJson: (type: HistoryType, json: unknown, options: { ignoreUnknownFields: boolean }) => unknown;
};

/** Validates what packages without types return. @throws ZodError */
const taken = <T>(from: unknown): T =>
  z.custom<T>((value) => typeof value === 'object' && value !== null).parse(from);

const ofCommon = createRequire(require.resolve('@temporalio/common'));
const ofProtos = createRequire(ofCommon.resolve('@temporalio/proto'));
const protos = taken<Protos>(ofCommon('@temporalio/proto'));
const { patchProtobufRoot } = taken<PatchRoot>(ofCommon('@temporalio/proto/lib/patch-protobuf-root'));
const { toJson, fromJson } = taken<ProtoJson>(ofProtos('protobufjs/ext/protojson'));
const historyType = patchProtobufRoot(protos).lookupType('temporal.api.history.v1.History');

export function toRecorded(history: History): RecordedHistory {
  return readRecorded(toJson(historyType, protos.temporal.api.history.v1.History.fromObject(history)));
}

/** @throws ZodError if it is not a history */
export function readRecorded(json: unknown): RecordedHistory {
  return RECORDED.parse(json);
}

/** What the SDK replays. Fields of newer servers are skipped. */
export function toReplayable(recorded: RecordedHistory): History {
  return taken(fromJson(historyType, recorded, { ignoreUnknownFields: true }));
}
