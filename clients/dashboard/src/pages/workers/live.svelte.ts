import type { GauntletError } from '@gauntlet/client';

import { asError } from '../../lib/api';
import { serverVersion, watchWorkers } from '../../models/workers/calls';
import { type Crew, NOBODY, told, type WorkerNews } from '../../models/workers/crew';

/** Each worker tells of itself every second; the page is drawn no more often than this. */
const DRAWN_MS = 250;

/** The workers, kept up to date by one stream. */
export class LiveWorkers {
  readonly #signal: AbortSignal;
  #newest: Crew = NOBODY;
  #timer: ReturnType<typeof setTimeout> | undefined;
  crew: Crew = $state.raw(NOBODY);
  error: GauntletError | undefined = $state.raw();
  /** The server's; empty when it does not say. */
  version = $state('');

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener('abort', () => clearTimeout(this.#timer));
  }

  /** Until the signal fires. */
  async run(): Promise<void> {
    void this.#ask();
    try {
      await watchWorkers((news) => this.#take(news), this.#signal);
    } catch (error) {
      if (!this.#signal.aborted) {
        this.error = asError(error);
      }
    }
  }

  #take(news: WorkerNews): void {
    this.#newest = told(this.#newest, news);
    if (news.kind === 'snapshot') {
      this.crew = this.#newest;
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.crew = this.#newest;
    }, DRAWN_MS);
  }

  async #ask(): Promise<void> {
    try {
      this.version = await serverVersion(this.#signal);
    } catch {
      // A server that does not say its version is of another one: the workers' own versions still show.
    }
  }
}
