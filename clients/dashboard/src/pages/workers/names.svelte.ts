import { SvelteMap } from 'svelte/reactivity';

import { runName } from '../../models/workers/calls';

/** Runs whose names are known: those never change. The oldest goes. */
const MOST_KNOWN = 1_000;
/** A browser has six connections for all; a list leaves room for the rest. */
const MOST_AT_ONCE = 2;
const DEADLINE_MS = 15_000;

const known = new SvelteMap<string, string>();
const asked = new Set<string>();
let wanted: string[] = [];
let busy = 0;

/** Names of the runs that workers serve: asked for one by one, the newest wish first. */
export const names = {
  /** `undefined` while they are not known. */
  of(id: string): string | undefined {
    return known.get(id);
  },
  /** These are shown now: what was wished for before and is not among them is let be. */
  want(ids: readonly string[]): void {
    wanted = ids.filter((id) => !known.has(id) && !asked.has(id));
    while (busy < MOST_AT_ONCE && wanted.length > 0) {
      void work();
    }
  },
};

async function work(): Promise<void> {
  busy += 1;
  for (let id = wanted.shift(); id !== undefined; id = wanted.shift()) {
    asked.add(id);
    try {
      known.set(id, await runName(id, AbortSignal.timeout(DEADLINE_MS)));
      const [oldest] = known.keys();
      if (known.size > MOST_KNOWN && oldest !== undefined) {
        known.delete(oldest);
      }
    } catch {
      // A run that was deleted meanwhile, or a server that is away: the cell stays empty until it is wished for again.
    } finally {
      asked.delete(id);
    }
  }
  busy -= 1;
}
