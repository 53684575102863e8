import type { WorkerView } from './view';

/** The workers as a watch tells them; those that left are forgotten after {@link REMEMBERED_US}, as the server does. */
export interface Crew {
  known: ReadonlyMap<string, WorkerView>;
  /** Whether a whole snapshot has come. */
  isComplete: boolean;
  /** The snapshot under way after a resync: it takes the place of what is known when it is complete. */
  fresh: ReadonlyMap<string, WorkerView> | undefined;
}

/** What a watch of workers says. */
export type WorkerNews = { kind: 'worker'; worker: WorkerView } | { kind: 'snapshot' } | { kind: 'resync' };

export const NOBODY: Crew = { known: new Map(), isComplete: false, fresh: undefined };

/** A worker that left is known for an hour. */
const REMEMBERED_US = 3_600_000_000;

export function told(crew: Crew, news: WorkerNews): Crew {
  switch (news.kind) {
    case 'worker': {
      // What the newest sign of life says of the time is enough: who is attached tells of itself every second.
      const since = news.worker.seenUs - REMEMBERED_US;
      const add = (to: ReadonlyMap<string, WorkerView>): Map<string, WorkerView> =>
        new Map([...to].filter(([, worker]) => worker.isAttached || worker.seenUs > since)).set(news.worker.id, news.worker);
      return { ...crew, known: add(crew.known), fresh: crew.fresh && add(crew.fresh) };
    }
    case 'resync':
      return { ...crew, fresh: new Map() };
    case 'snapshot':
      return { known: crew.fresh ?? crew.known, isComplete: true, fresh: undefined };
  }
}

/** Those that are attached first, then by name. */
export function ordered(crew: Crew): WorkerView[] {
  return [...crew.known.values()].sort(
    (one, other) =>
      Number(other.isAttached) - Number(one.isAttached) ||
      one.name.localeCompare(other.name, 'en', { numeric: true }) ||
      one.id.localeCompare(other.id),
  );
}
