import type { GauntletError } from '@gauntlet/client';

import { asError } from '../../lib/api';
import { listRuns, type RunNews, watchRuns } from '../../models/runs/calls';
import { changed, empty, left, type Listing, listed, overgrown, settled } from '../../models/runs/listing';
import { NEWEST_FIRST, type RunQuery } from '../../models/runs/query';

/** A page of runs that stays up to date: one stream, and the page asked for anew when the stream says so. */
export class LiveRuns {
  readonly #project: string;
  readonly #query: RunQuery;
  readonly #token: string;
  readonly #signal: AbortSignal;
  #held = false;
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
  }

  /** Until the signal fires. */
  async run(): Promise<void> {
    await this.reload();
    if (this.error !== undefined && !this.error.retryable) {
      return;
    }
    try {
      await watchRuns(this.#project, this.#query, (news) => this.#take(news), this.#signal);
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
        this.listing = changed(this.listing, news.run, this.#held);
        this.#trim();
        break;
      case 'left':
        this.listing = left(this.listing, news.id, this.#held);
        break;
      case 'snapshot':
        void this.reload();
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
