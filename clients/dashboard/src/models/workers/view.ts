import { bytes, count, latency, percent, rate } from '../../lib/format';
import { type Worker, WorkerStatus } from '../../lib/pb';
import { type Word, worker as statusWord } from '../../lib/words';

/** A process that sends load. */
export interface WorkerView {
  id: string;
  name: string;
  status: Word;
  /** Whether its stream is there. */
  isAttached: boolean;
  canDrain: boolean;
  runs: readonly string[];
  capacity: number;
  reserved: number;
  /** Share of its processors, 0 to 1. */
  cpu: number;
  cpuText: string;
  memory: string;
  inFlight: string;
  backlog: number;
  /** Operations that ended, per second. */
  perSecond: number;
  rate: string;
  /** What to add to its clock, with how wrong that may be: `+71 µs ± 297 µs`. */
  clock: string;
  version: string;
  labels: readonly { key: string; value: string }[];
  seenUs: number;
}

export function workerView(worker: Worker): WorkerView {
  const { status } = worker;
  const isAttached = status === WorkerStatus.IDLE || status === WorkerStatus.BUSY || status === WorkerStatus.DRAINING;
  return {
    id: worker.workerId,
    name: worker.name,
    status: statusWord(status),
    isAttached,
    canDrain: status === WorkerStatus.IDLE || status === WorkerStatus.BUSY,
    runs: worker.runIds.length > 0 || worker.runId === '' ? worker.runIds : [worker.runId],
    capacity: worker.capacity,
    reserved: worker.reserved,
    cpu: worker.cpu,
    cpuText: share(worker.cpu),
    memory: worker.memoryBytes === 0n ? '–' : bytes(worker.memoryBytes),
    inFlight: count(worker.inFlight),
    backlog: Number(worker.backlog),
    perSecond: worker.operationsPerS,
    rate: worker.operationsPerS > 0 ? rate(worker.operationsPerS) : '–',
    clock: clockText(Number(worker.clockOffsetUs), Number(worker.clockUncertaintyUs)),
    version: worker.version,
    labels: Object.entries(worker.labels)
      .map(([key, value]) => ({ key, value }))
      .sort((one, other) => one.key.localeCompare(other.key)),
    seenUs: Number(worker.seenUs),
  };
}

/** One digit behind the point: more of it would only flicker. */
function share(cpu: number): string {
  return percent(Math.round(cpu * 1_000) / 1_000);
}

function clockText(offsetUs: number, uncertaintyUs: number): string {
  if (uncertaintyUs === 0) {
    return 'not measured yet';
  }
  const sign = offsetUs < 0 ? '−' : '+';
  return `${sign}${latency(Math.abs(offsetUs))} ± ${latency(uncertaintyUs)}`;
}

/** All attached workers together. */
export interface Fleet {
  attached: number;
  busy: number;
  capacity: number;
  reserved: number;
  perSecond: number;
  /** The busiest. */
  cpu: string;
  backlog: number;
}

export function fleet(workers: readonly WorkerView[]): Fleet {
  const attached = workers.filter((worker) => worker.isAttached);
  const sum = (of: (worker: WorkerView) => number): number => attached.reduce((total, worker) => total + of(worker), 0);
  return {
    attached: attached.length,
    busy: attached.filter((worker) => worker.runs.length > 0).length,
    capacity: sum((worker) => worker.capacity),
    reserved: sum((worker) => worker.reserved),
    perSecond: sum((worker) => worker.perSecond),
    cpu: attached.length === 0 ? '–' : share(Math.max(...attached.map((worker) => worker.cpu))),
    backlog: sum((worker) => worker.backlog),
  };
}
