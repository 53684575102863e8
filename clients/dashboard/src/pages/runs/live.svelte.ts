import type { GauntletError } from '@gauntlet/client';

import { asError } from '../../lib/api';
import { listRuns, type RunNews, watchRuns } from '../../models/runs/calls';
import { changed, confirmed, empty, left, type Listing, listed, overgrown, PAGE_SIZE, settled } from '../../models/runs/listing';
import { NEWEST_FIRST, type RunQuery } from '../../models/runs/query';

/** The page that was shown last, one: whoever comes back to it sees it at once, at its place, while it is asked for anew. */
let remembered: { asked: string; listing: Listing } | undefined;

/** A page of runs that stays up to date: one stream, and the page asked for anew when the stream says so. */
export class LiveRuns {
  readonly #project: string;
  readonly #query: RunQuery;
  readonly #token: string;
  readonly #signal: AbortSignal;
  #held = false;
  /** Of the snapshot under way: the runs that are as they are shown. */
  #same = new Set<string>();
  listing: Listing = $state.raw(empty('newest'));
  /** Whether the page has come at least once. */
  ready = $state(false);
  error: GauntletError | undefined = $state.raw();

  constructor(project: string, query: RunQuery, token: string, signal: AbortSignal) {
    this.#project = project;
    this.#query = query;
    this.#token = token;
    this.#signal = signal;
    this.listing = empty(token !== '' ? 'older' : query.order === NEWEST_FIRST ? 'newest' : 'other');
    const asked = JSON.stringify([project, query, token]);
    if (remembered?.asked === asked) {
      this.listing = settled(remembered.listing);
      this.ready = true;
    }
    signal.addEventListener('abort', () => {
      remembered = this.ready ? { asked, listing: this.listing } : undefined;
    });
  }

  /** Until the signal fires. */
  async run(): Promise<void> {
    await this.reload();
    if (this.error !== undefined && !this.error.retryable) {
      return;
    }
    try {
      // Only on the page of the newest does a snapshot say anything.
      const snapshot = this.listing.place === 'newest' ? PAGE_SIZE : 1;
      await watchRuns(this.#project, this.#query, snapshot, (news) => this.#take(news), this.#signal);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Asks for the page anew. */
  async reload(): Promise<void> {
    try {
      const page = await listRuns(this.#project, this.#query, this.#token, this.#signal);
      this.listing = listed(this.listing, page, this.#held);
      this.ready = true;
      this.error = undefined;
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Whether somebody points at a row: then rows keep their places. */
  hold(held: boolean): void {
    this.#held = held;
    if (!held) {
      this.listing = settled(this.listing);
      this.#trim();
    }
  }

  /** Shows what waits. */
  admit(): void {
    this.listing = settled(this.listing);
    if (this.listing.place !== 'newest') {
      void this.reload();
    }
    this.#trim();
  }

  #take(news: RunNews): void {
    switch (news.kind) {
      case 'run':
        if (this.listing.rows.some(({ run }) => run.id === news.run.id && run.revision === news.run.revision)) {
          this.#same.add(news.run.id);
        }
        this.listing = changed(this.listing, news.run, this.#held);
        this.#trim();
        break;
      case 'left':
        this.listing = left(this.listing, news.id, this.#held);
        break;
      case 'snapshot':
        if (!this.ready || !confirmed(this.listing, this.#same)) {
          void this.reload();
        }
        this.#same.clear();
        break;
    }
  }

  #trim(): void {
    if (!this.#held && overgrown(this.listing)) {
      void this.reload();
    }
  }

  #fail(error: unknown): void {
    const known = asError(error);
    // A page that is shown stays: the banner says that the server is away, and the stream tells when it is back.
    if (!this.#signal.aborted && !(this.ready && known.retryable)) {
      this.error = known;
    }
  }
}
