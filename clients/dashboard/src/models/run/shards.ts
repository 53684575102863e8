import { AttemptStatus, type Attempt, type Shard, type Worker } from '../../lib/pb';
import { plain, worker as workerWord, type Tone, type Word } from '../../lib/words';

/** One worker's try at a shard, with what the worker says of itself now. */
export interface AttemptView {
  key: string;
  shard: number;
  attempt: number;
  /** Of several attempts at a shard the last. */
  isNewest: boolean;
  isLive: boolean;
  status: Word;
  message: string;
  workerId: string;
  worker: WorkerView | undefined;
  /** After the first worker's first operation, microseconds; `undefined` before its own. */
  skewUs: number | undefined;
}

/** A worker as the control plane sees it. */
export interface WorkerView {
  id: string;
  name: string;
  status: Word;
  perS: number;
  /** Its share of its processors, 0 to 1. */
  cpu: number;
  memoryBytes: number;
  offsetUs: number;
  uncertaintyUs: number;
  inFlight: number;
  backlog: number;
  /** Other runs that it serves, too: its figures are of all together. */
  otherRuns: number;
}

export function workerView(worker: Worker): WorkerView {
  return {
    id: worker.workerId,
    name: worker.name || worker.workerId.slice(-8),
    status: workerWord(worker.status),
    perS: worker.operationsPerS,
    cpu: worker.cpu,
    memoryBytes: Number(worker.memoryBytes),
    offsetUs: Number(worker.clockOffsetUs),
    uncertaintyUs: Number(worker.clockUncertaintyUs),
    inFlight: worker.inFlight,
    backlog: Number(worker.backlog),
    otherRuns: Math.max(0, worker.runIds.length - 1),
  };
}

/** By shard, the newest attempt first. */
export function attemptViews(shards: readonly Shard[], workers: readonly WorkerView[]): AttemptView[] {
  const known = new Map(workers.map((worker) => [worker.id, worker]));
  const begins = shards.flatMap((shard) => shard.attempts.filter((one) => one.number === 1).map((one) => Number(one.firstOperationUs)));
  const first = Math.min(...begins.filter((one) => one > 0));
  return shards.flatMap((shard) =>
    shard.attempts
      .toSorted((left, right) => right.number - left.number)
      .map((attempt, index) => attemptView(shard.index, attempt, index === 0, first, known.get(attempt.workerId))),
  );
}

const TONES: Partial<Record<AttemptStatus, Tone>> = {
  [AttemptStatus.READY]: 'good',
  [AttemptStatus.RUNNING]: 'busy',
  [AttemptStatus.FINISHED]: 'good',
  [AttemptStatus.FAILED]: 'bad',
  [AttemptStatus.LOST]: 'bad',
};

function attemptView(
  shard: number,
  attempt: Attempt,
  isNewest: boolean,
  firstUs: number,
  worker: WorkerView | undefined,
): AttemptView {
  const began = Number(attempt.firstOperationUs);
  return {
    key: `${shard}.${attempt.number}`,
    shard,
    attempt: attempt.number,
    isNewest,
    isLive: attempt.status <= AttemptStatus.RUNNING,
    status: { text: plain(AttemptStatus[attempt.status]), tone: TONES[attempt.status] ?? 'neutral' },
    message: attempt.message,
    workerId: attempt.workerId,
    worker,
    // A replacement begins late on purpose.
    skewUs: began > 0 && attempt.number === 1 ? began - firstUs : undefined,
  };
}
