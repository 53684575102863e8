import type { RunRow } from './row';

/**
 * Where a page of the list stands: new runs belong on the `newest`, somewhere on the first page of an `other` order,
 * and never on an `older` one.
 */
export type Place = 'newest' | 'other' | 'older';

/** A page of runs that follows what happens. */
export interface Listing {
  place: Place;
  rows: readonly ListedRow[];
  /** New runs that are not shown yet, so that nothing moves under the pointer; at most {@link MOST_WAITING}. */
  waiting: readonly RunRow[];
  /** Runs that left, newest last: an answer that was on its way must not bring them back; at most {@link MOST_GONE}. */
  gone: readonly string[];
  /** Where the next page begins; empty on the last. */
  nextToken: string;
  /** The server's clock when the page was made; what is newer is not in it. 0 when it was empty. */
  asOfUs: number;
}

/** A page as the server listed it. */
export interface RunPage {
  rows: readonly RunRow[];
  nextToken: string;
  asOfUs: number;
}

export interface ListedRow {
  run: RunRow;
  /** Deleted, or no longer what was asked for; goes when nothing holds the list. */
  left: boolean;
}

/** Runs of a page. */
export const PAGE_SIZE = 50;
/** A page that has grown beyond is asked for anew. */
export const MOST_ROWS = 4 * PAGE_SIZE;
const MOST_WAITING = MOST_ROWS;
const MOST_GONE = 500;

export function empty(place: Place): Listing {
  return { place, rows: [], waiting: [], gone: [], nextToken: '', asOfUs: 0 };
}

/**
 * Takes a page as the server lists it now. What is known to be newer stays; while `held` the rows keep their places.
 */
export function listed(listing: Listing, page: RunPage, held: boolean): Listing {
  const there = page.rows.filter((run) => !listing.gone.includes(run.id));
  const ids = new Set(there.map((run) => run.id));
  if (!held || listing.rows.length === 0) {
    const rows = there.map((run) => ({ run: newer(find(listing, run.id), run), left: false }));
    const known = [...listing.rows.filter((row) => !row.left).map((row) => row.run), ...listing.waiting];
    const waiting = known.filter((run) => !ids.has(run.id) && run.createdUs > page.asOfUs);
    return settled({ ...listing, rows, waiting, nextToken: page.nextToken, asOfUs: page.asOfUs });
  }
  const oldest = there.at(-1)?.createdUs ?? 0;
  const onPage = (run: RunRow): boolean =>
    run.createdUs <= page.asOfUs && (listing.place !== 'newest' || page.nextToken === '' || run.createdUs >= oldest);
  const rows = listing.rows.map((row) => (!ids.has(row.run.id) && onPage(row.run) ? { ...row, left: true } : row));
  return there.reduce<Listing>((sofar, run) => changed(sofar, run, true), { ...listing, rows });
}

/** Takes a run as it is now. */
export function changed(listing: Listing, run: RunRow, held: boolean): Listing {
  const gone = listing.gone.filter((id) => id !== run.id);
  if (listing.rows.some((row) => row.run.id === run.id)) {
    const rows = listing.rows.map((row) =>
      row.run.id === run.id ? { run: newer(row.run, run), left: false } : row,
    );
    return { ...listing, gone, rows };
  }
  if (!belongs(listing, run)) {
    return { ...listing, gone };
  }
  const others = listing.waiting.filter((one) => one.id !== run.id);
  const waiting = [...others, run].slice(-MOST_WAITING);
  const next = { ...listing, gone, waiting };
  return held || listing.place === 'other' ? next : settled(next);
}

/** Takes that a run was deleted, or is no longer what was asked for. */
export function left(listing: Listing, id: string, held: boolean): Listing {
  const next = {
    ...listing,
    gone: [...listing.gone.filter((one) => one !== id), id].slice(-MOST_GONE),
    waiting: listing.waiting.filter((run) => run.id !== id),
    rows: listing.rows.map((row) => (row.run.id === id ? { ...row, left: true } : row)),
  };
  return held ? next : settled(next);
}

/** Lets go: those that left go, and those that wait come in where they belong. */
export function settled(listing: Listing): Listing {
  const rows = listing.rows.filter((row) => !row.left);
  if (listing.place !== 'newest' || listing.waiting.length === 0) {
    return { ...listing, rows };
  }
  const fresh = listing.waiting.map((run) => ({ run, left: false }));
  const all = [...fresh, ...rows].sort((one, other) => other.run.createdUs - one.run.createdUs);
  return { ...listing, rows: all, waiting: [] };
}

/**
 * Whether the page is what a snapshot of the newest runs tells, so that it need not be asked for anew; `same` are the runs
 * that it told without a change.
 */
export function confirmed(listing: Listing, same: ReadonlySet<string>): boolean {
  return listing.place === 'newest' && listing.waiting.length === 0 && listing.rows.every(({ run, left }) => !left && same.has(run.id));
}

/** Whether the page has grown so much that it is better asked for anew. */
export function overgrown(listing: Listing): boolean {
  return listing.rows.length > MOST_ROWS;
}

function belongs(listing: Listing, run: RunRow): boolean {
  switch (listing.place) {
    case 'newest':
      return listing.nextToken === '' || run.createdUs >= Math.min(...listing.rows.map((row) => row.run.createdUs));
    case 'other':
      return run.createdUs > listing.asOfUs;
    case 'older':
      return false;
  }
}

function find(listing: Listing, id: string): RunRow | undefined {
  return listing.rows.find((row) => row.run.id === id)?.run ?? listing.waiting.find((run) => run.id === id);
}

function newer(known: RunRow | undefined, run: RunRow): RunRow {
  return known && known.revision > run.revision ? known : run;
}
