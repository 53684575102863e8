/**
 * The streams of the API as sources to resume: what each goes on from, and when
 * it is over.
 */
import type { CallOptions, Client } from '@connectrpc/connect';
import { create, type MessageInitShape } from '@bufbuild/protobuf';

import { ResyncSchema, type SnapshotDone } from './gen/gauntlet/v1/common_pb.js';
import { type Run, RunStatus } from './gen/gauntlet/v1/run_pb.js';
import type {
  RunService,
  StreamLogsRequestSchema,
  StreamLogsResponse,
  StreamMetricsResponse,
  WatchEventsResponse,
  WatchRunResponse,
  WatchRunsRequestSchema,
  WatchRunsResponse,
  WatchShardsResponse,
} from './gen/gauntlet/v1/run_service_pb.js';
import type { WatchWorkersResponse, WorkerService } from './gen/gauntlet/v1/worker_service_pb.js';
import type { Source } from './resume.js';

/** Whether a run's status is one that never changes again. */
export function isOver(status: RunStatus): boolean {
  switch (status) {
    case RunStatus.COMPLETED:
    case RunStatus.STOPPED:
    case RunStatus.CANCELLED:
    case RunStatus.FAILED:
      return true;
    default:
      return false;
  }
}

/** The runs' client. */
type Runs = Client<typeof RunService>;
/** The workers' client. */
type Workers = Client<typeof WorkerService>;
/** An update without what only says that the stream lives. */
type Told<Update extends { case: string | undefined }> = Exclude<Update, { case: 'heartbeat' | undefined }>;

/** What {@link metrics} tells. */
export type Metric = Told<StreamMetricsResponse['update']>;
/** What a watch of runs tells. */
export type RunsChange = Told<WatchRunsResponse['update']>;
/** What a watch of shards tells. */
export type ShardsChange = Told<WatchShardsResponse['update']>;
/** What a watch of workers tells. */
export type WorkersChange = Told<WatchWorkersResponse['update']>;
/** What a watch of events tells. */
export type EventsChange = Told<WatchEventsResponse['update']>;
/** What a stream of log lines tells. */
export type LogsChange = Told<StreamLogsResponse['update']>;

/** The states of a run, from now to its end. */
export function run(runs: Runs, runId: string): Source<WatchRunResponse, Run> {
  let revision = 0n;
  let over = false;
  return {
    open: (signal) => runs.watchRun({ runId, options: { resumeFromRevision: revision } }, { signal }),
    take({ update }) {
      if (update.case !== 'run') {
        return [];
      }
      revision = update.value.revision;
      over = isOver(update.value.status);
      return [update.value];
    },
    // The end of the stream means nothing before the end of the run.
    isOver: () => over,
  };
}

/** The metrics of a run, one point for each second from the second after an instant on. */
export function metrics(runs: Runs, runId: string, afterUs: bigint): Source<StreamMetricsResponse, Metric> {
  // The newest second seen and its phase: one in which the phase changes has two points.
  let newest = { timeUs: afterUs, phase: Infinity };
  return {
    open(signal) {
      // The newest second is asked for once more: its other phase may be missing.
      const again = newest.phase === Infinity ? 0n : 1n;
      return runs.streamMetrics({ runId, afterUs: newest.timeUs - again }, { signal });
    },
    take({ update }) {
      if (update.case === 'point') {
        const { timeUs, phase } = update.value;
        if (timeUs < newest.timeUs || (timeUs === newest.timeUs && phase <= newest.phase)) {
          return [];
        }
        newest = { timeUs, phase };
      }
      return told(update);
    },
    isOver: (endedWell) => endedWell,
  };
}

/** What happens in a run, from its first event to its end. */
export function events(runs: Runs, runId: string): Source<WatchEventsResponse, EventsChange> {
  let revision = 0n;
  return {
    open: (signal) => runs.watchEvents({ runId, options: { resumeFromRevision: revision } }, { signal }),
    take({ update }) {
      if (update.case === 'event') {
        revision = update.value.sequence;
      } else if (update.case === 'resync') {
        revision = 0n;
      }
      return told(update);
    },
    isOver: (endedWell) => endedWell,
  };
}

/** What to ask a stream of log lines for. */
export type LogsRequest = Omit<MessageInitShape<typeof StreamLogsRequestSchema>, '$typeName' | 'runId'>;

/** The lines of a run, to its end. */
export function logs(runs: Runs, runId: string, request: LogsRequest): Source<StreamLogsResponse, LogsChange> {
  let afterSequence = request.afterSequence ?? 0n;
  return {
    open: (signal) => runs.streamLogs({ ...request, runId, afterSequence }, { signal }),
    take({ update }) {
      if (update.case === 'line') {
        afterSequence = update.value.sequence;
      }
      return told(update);
    },
    isOver: (endedWell) => endedWell,
  };
}

/** The states of a run's shards, from now to the run's end. */
export function shards(runs: Runs, runId: string): Source<WatchShardsResponse, ShardsChange> {
  return keyed(
    (resumeFromRevision, options) => runs.watchShards({ runId, options: { resumeFromRevision } }, options),
    ({ update }) => (update.case === 'shard' ? [String(update.value.shard?.index), update.value.revision] : undefined),
    (endedWell) => endedWell,
  );
}

/** Which runs to watch. */
export type RunsRequest = Omit<MessageInitShape<typeof WatchRunsRequestSchema>, '$typeName' | 'options'>;

/** The states of a project's runs, until the caller goes. */
export function allRuns(runs: Runs, request: RunsRequest): Source<WatchRunsResponse, RunsChange> {
  return keyed(
    (resumeFromRevision, options) => runs.watchRuns({ ...request, options: { resumeFromRevision } }, options),
    ({ update }) => {
      switch (update.case) {
        case 'run':
          return [update.value.run?.runId ?? '', update.value.revision];
        case 'left':
          return [update.value.runId, update.value.revision];
        default:
          return undefined;
      }
    },
    () => false,
  );
}

/** The states of the workers, until the caller goes. */
export function workers(client: Workers): Source<WatchWorkersResponse, WorkersChange> {
  return keyed(
    (resumeFromRevision, options) => client.watchWorkers({ options: { resumeFromRevision } }, options),
    ({ update }) =>
      update.case === 'worker' ? [update.value.worker?.workerId ?? '', update.value.revision] : undefined,
    () => false,
  );
}

/**
 * A watch of several entries. A revision holds for all of them only after the
 * snapshot: one that was cut is asked for anew, and what it told before is
 * taken back with a resync.
 */
function keyed<Message extends { update: { case: string | undefined } }>(
  open: (revision: bigint, options: CallOptions) => AsyncIterable<Message>,
  entry: (message: Message) => readonly [key: string, revision: bigint] | undefined,
  isOver: (endedWell: boolean) => boolean,
): Source<Message, Told<Message['update']>> {
  let revision = 0n;
  let isComplete = false;
  // What was told since the last complete state, by key: it may come again.
  const fresh = new Map<string, bigint>();
  return {
    open(signal) {
      isComplete = false;
      return open(revision, { signal });
    },
    take(message) {
      const update: { case: string | undefined } = message.update;
      const found = entry(message);
      if (found !== undefined) {
        const [key, at] = found;
        if (isComplete) {
          revision = at > revision ? at : revision;
        } else if (at <= (fresh.get(key) ?? -1n)) {
          return [];
        } else {
          fresh.set(key, at);
        }
      } else if (isSnapshotDone(update)) {
        revision = update.value.revision;
        isComplete = true;
        fresh.clear();
      } else if (update.case === 'resync') {
        // What follows is a snapshot again, in the middle of a stream, too.
        revision = 0n;
        isComplete = false;
        fresh.clear();
      }
      return told<Message['update']>(message.update);
    },
    isOver,
    cut() {
      if (revision !== 0n || fresh.size === 0) {
        return [];
      }
      fresh.clear();
      const resync = { case: 'resync', value: create(ResyncSchema, { message: 'the snapshot was cut' }) };
      return [resync as unknown as Told<Message['update']>];
    },
  };
}

function isSnapshotDone(update: { case: string | undefined }): update is { case: 'snapshotDone'; value: SnapshotDone } {
  return update.case === 'snapshotDone';
}

/** Leaves out what only says that the stream lives. */
function told<Update extends { case: string | undefined }>(update: Update): Told<Update>[] {
  return update.case === undefined || update.case === 'heartbeat' ? [] : [update as Told<Update>];
}
