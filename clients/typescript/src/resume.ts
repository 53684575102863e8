/**
 * Following a stream across broken connections: it is opened again where it
 * was cut, so that nothing comes twice and nothing is missed.
 */
import { explain, type GauntletError, lost } from './errors.js';

/** The control plane shows a sign of life every ten seconds; without one for so long the stream is dead. */
export const SILENCE_MS = 25_000;
/** How long to go on trying without a single message. */
export const PATIENCE_MS = 30_000;
/** The pause before the first new try; it doubles up to the longest. */
const SHORTEST_PAUSE_MS = 100;
/** See {@link SHORTEST_PAUSE_MS}. */
const LONGEST_PAUSE_MS = 2_000;

/** What a watch says: something new, or that the stream was cut and is tried again. */
export type Update<T> =
  | { readonly value: T; readonly interrupted?: undefined }
  | { readonly value?: undefined; readonly interrupted: GauntletError };

/** A stream that can be opened again where it was cut. */
export interface Source<Message, Value> {
  /** Opens the stream after what was taken last. */
  open(signal: AbortSignal): AsyncIterable<Message>;
  /** Takes a message and gives what it tells; keeps the place to go on from. */
  take(message: Message): readonly Value[];
  /** Whether all has come: asked after each message, and when a stream ended well. */
  isOver(endedWell: boolean): boolean;
  /** Told of each cut; gives what to tell before the next stream. */
  cut?(): readonly Value[];
}

/** How to follow. */
export interface FollowOptions {
  /** Ends the following, without an error. */
  readonly signal?: AbortSignal | undefined;
  /** How long to go on trying without a single message, milliseconds; `Infinity` for ever. */
  readonly patienceMs?: number | undefined;
}

/**
 * Follows a stream to its end, opening it again after each cut with growing
 * pauses. Throws a {@link GauntletError} that will not pass, or when nothing
 * came for too long.
 */
export async function* resume<Message, Value>(
  source: Source<Message, Value>,
  { signal, patienceMs = PATIENCE_MS }: FollowOptions = {},
): AsyncGenerator<Update<Value>, void, undefined> {
  const retry = new Retry(patienceMs);
  while (!signal?.aborted) {
    const stream = new Stream((own) => source.open(own), signal);
    let cut: GauntletError | undefined;
    try {
      while (cut === undefined) {
        const next = await stream.next();
        if (next.failed !== undefined) {
          cut = next.failed;
        } else if (next.done) {
          cut = lost('the stream ended');
          if (source.isOver(true)) {
            return;
          }
        } else {
          retry.succeeded();
          for (const value of source.take(next.message)) {
            yield { value };
          }
          if (source.isOver(false)) {
            return;
          }
        }
      }
    } finally {
      stream.close();
    }
    if (signal?.aborted) {
      return;
    }
    const pause = retry.failed(cut);
    yield { interrupted: cut };
    await sleep(pause, signal);
    for (const value of source.cut?.() ?? []) {
      yield { value };
    }
  }
}

/** What came of waiting for a message. */
type Next<Message> =
  | { readonly failed: GauntletError }
  | { readonly failed?: undefined; readonly done: true }
  | { readonly failed?: undefined; readonly done?: false; readonly message: Message };

/** One connection's stream: each wait for a message ends. */
class Stream<Message> {
  readonly #controller = new AbortController();
  readonly #messages: AsyncIterator<Message>;
  readonly #signal: AbortSignal | undefined;
  readonly #abort = () => this.#controller.abort();

  constructor(open: (signal: AbortSignal) => AsyncIterable<Message>, signal: AbortSignal | undefined) {
    this.#signal = signal;
    signal?.addEventListener('abort', this.#abort);
    this.#messages = open(this.#controller.signal)[Symbol.asyncIterator]();
  }

  async next(): Promise<Next<Message>> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let aborted: (() => void) | undefined;
    const ended = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(lost(`nothing came for ${SILENCE_MS / 1000} s`)), SILENCE_MS);
      aborted = () => reject(lost('the watch was ended'));
      this.#signal?.addEventListener('abort', aborted);
    });
    try {
      const result = await Promise.race([this.#messages.next(), ended]);
      return result.done === true ? { done: true } : { message: result.value };
    } catch (error) {
      return { failed: explain(error) };
    } finally {
      clearTimeout(timer);
      if (aborted !== undefined) {
        this.#signal?.removeEventListener('abort', aborted);
      }
    }
  }

  close(): void {
    this.#signal?.removeEventListener('abort', this.#abort);
    this.#controller.abort();
    // The stream was left on purpose: what it says to that is of no interest.
    this.#messages.return?.().catch(() => undefined);
  }
}

/** When to try again and when to give up. */
class Retry {
  readonly #patienceMs: number;
  #failingSince: number | undefined;
  #failures = 0;

  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  succeeded(): void {
    this.#failingSince = undefined;
    this.#failures = 0;
  }

  /** How long to wait before the next try; throws an error that is not worth one. */
  failed(error: GauntletError): number {
    const now = performance.now();
    this.#failingSince ??= now;
    if (!error.retryable || now - this.#failingSince > this.#patienceMs) {
      throw error;
    }
    const pause = SHORTEST_PAUSE_MS * 2 ** Math.min(this.#failures, 10);
    this.#failures += 1;
    return Math.min(pause, LONGEST_PAUSE_MS);
  }
}

/** Ends early when the signal does. */
function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end);
  });
}
