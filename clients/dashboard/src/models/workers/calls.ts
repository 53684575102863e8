import { FOR_EVER, gauntlet, runs, server, watch, workers } from '../../lib/api';
import { clock } from '../../lib/clock.svelte';
import type { WorkerNews } from './crew';
import { workerView } from './view';

/** Follows the workers until the signal fires. */
export async function watchWorkers(tell: (news: WorkerNews) => void, signal: AbortSignal): Promise<void> {
  await watch(
    (own) => gauntlet.watchWorkers({ signal: own, ...FOR_EVER }),
    (update) => {
      switch (update.case) {
        case 'worker':
          if (update.value.worker) {
            tell({ kind: 'worker', worker: workerView(update.value.worker) });
          }
          break;
        case 'snapshotDone':
          tell({ kind: 'snapshot' });
          break;
        case 'resync':
          tell({ kind: 'resync' });
          break;
      }
    },
    signal,
  );
}

/** The server's version; also sets the clock. */
export async function serverVersion(signal: AbortSignal): Promise<string> {
  const answer = await server.getServer({}, { signal });
  clock.set(answer.server?.serverTimeUs ?? 0n);
  return answer.server?.version ?? '';
}

/** The name of a run, which a worker does not say. */
export async function runName(id: string, signal: AbortSignal): Promise<string> {
  const { run } = await runs.getRun({ runId: id }, { signal });
  return run?.name ?? '';
}

/** Lets a worker finish what it holds and sends it home. */
export async function drainWorker(id: string): Promise<void> {
  await workers.drainWorker({ workerId: id, message: 'drained in the dashboard' });
}
