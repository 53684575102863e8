import { FOR_EVER, gauntlet, runs, watch } from '../../lib/api';
import { clock } from '../../lib/clock.svelte';
import { requestId } from '../start/request';
import { PAGE_SIZE, type RunPage } from './listing';
import { type RunQuery, toFilter } from './query';
import { type RunRow, toRow } from './row';

/** One page of a project's runs. */
export async function listRuns(project: string, query: RunQuery, token: string, signal: AbortSignal): Promise<RunPage> {
  const page = { pageSize: PAGE_SIZE, pageToken: token };
  const answer = await runs.listRuns({ project, filter: toFilter(query), orderBy: query.order, page }, { signal });
  const asOf = answer.runs.map((run) => run.serverTimeUs).reduce((one, other) => (one > other ? one : other), 0n);
  clock.set(asOf);
  return { rows: answer.runs.map(toRow), nextToken: answer.nextPageToken, asOfUs: Number(asOf) };
}

/** What a watch of runs says. */
export type RunNews = { kind: 'run'; run: RunRow } | { kind: 'left'; id: string } | { kind: 'snapshot' };

/**
 * Follows a project's runs until the signal fires. It begins with as many of the newest as asked for, at least one; a
 * `snapshot` says that they were told, and what a page holds beyond them may be out of date.
 */
export async function watchRuns(
  project: string,
  query: RunQuery,
  snapshotSize: number,
  tell: (news: RunNews) => void,
  signal: AbortSignal,
): Promise<void> {
  const request = { project, filter: toFilter(query), snapshotSize };
  await watch(
    (own) => gauntlet.watchRuns(request, { signal: own, ...FOR_EVER }),
    (update) => {
      switch (update.case) {
        case 'run':
          if (update.value.run) {
            clock.set(update.value.run.serverTimeUs);
            tell({ kind: 'run', run: toRow(update.value.run) });
          }
          break;
        case 'left':
          tell({ kind: 'left', id: update.value.runId });
          break;
        case 'snapshotDone':
          tell({ kind: 'snapshot' });
          break;
        case 'resync':
          // A snapshot follows, and its end says that the page is to be asked for anew.
          break;
      }
    },
    signal,
  );
}

/** No new operations; those in flight end. */
export async function stopRun(id: string): Promise<RunRow | undefined> {
  const { run } = await runs.stopRun({ runId: id, message: 'stopped in the dashboard' });
  return run && toRow(run);
}

/** Prepares the same work again. */
export async function rerunRun(id: string): Promise<RunRow | undefined> {
  const { run } = await runs.rerunRun({ runId: id, requestId: requestId() });
  return run && toRow(run);
}

export async function deleteRun(id: string): Promise<void> {
  await runs.deleteRun({ runId: id });
}
