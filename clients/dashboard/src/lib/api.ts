import { type Interceptor } from '@connectrpc/connect';
import { createGrpcWebTransport } from '@connectrpc/connect-web';
import { explain, explaining, Gauntlet, type GauntletError, type Watch } from '@gauntlet/client';

import { connection } from './connection.svelte';

/** No unary call of the dashboard takes longer. */
const DEADLINE_MS = 15_000;

/** Tells the banner which calls reach the server and which do not. */
const told: Interceptor = (next) => async (request) => {
  try {
    const response = await next(request);
    connection.reached();
    return response;
  } catch (error) {
    connection.judge(asError(error));
    throw error;
  }
};

const transport = createGrpcWebTransport({
  baseUrl: location.origin,
  useBinaryFormat: true,
  defaultTimeoutMs: DEADLINE_MS,
  interceptors: [told],
});

/** The control plane that this page came from. Its watches resume by themselves; follow them with {@link watch}. */
export const gauntlet = new Gauntlet(explaining(transport, { url: location.origin }));
export const { runs, templates, targets, workers, server } = gauntlet;

/** Streams have no deadline: the server shows a sign of life every ten seconds. */
export const STREAM = { timeoutMs: 0 };

/** For watches: a dashboard never gives up. */
export const FOR_EVER = { patienceMs: Infinity };

/** What a call ended with, as a sentence and a way out. */
export function asError(error: unknown): GauntletError {
  return explain(error, { url: location.origin });
}

/**
 * Follows a watch of {@link gauntlet} to its end or until the signal fires. It is given up while the page is hidden (a
 * browser has six connections for all pages of a server) and opened again by `open`, which begins at the place that its
 * caller remembers: `(signal) => gauntlet.metrics(id, { signal, afterUs, ...FOR_EVER })`.
 */
export async function watch<T>(
  open: (signal: AbortSignal) => Watch<T>,
  take: (value: T) => void,
  ends: AbortSignal,
): Promise<void> {
  while (!ends.aborted) {
    await shown(ends);
    const hidden = new AbortController();
    const onChange = (): void => {
      if (document.hidden) {
        hidden.abort();
      }
    };
    document.addEventListener('visibilitychange', onChange);
    try {
      for await (const update of open(AbortSignal.any([ends, hidden.signal]))) {
        if (update.interrupted) {
          connection.judge(update.interrupted);
        } else {
          connection.reached();
          take(update.value);
        }
      }
    } finally {
      document.removeEventListener('visibilitychange', onChange);
    }
    if (!hidden.signal.aborted) {
      return;
    }
  }
}

/** Waits until the page is shown, or the signal fires. */
function shown(signal: AbortSignal): Promise<void> {
  if (!document.hidden || signal.aborted) {
    return Promise.resolve();
  }
  return new Promise((resolve) => {
    const done = (): void => {
      if (!document.hidden || signal.aborted) {
        document.removeEventListener('visibilitychange', done);
        signal.removeEventListener('abort', done);
        resolve();
      }
    };
    document.addEventListener('visibilitychange', done);
    signal.addEventListener('abort', done);
  });
}

/** Asks again and again while the page is shown; the pause begins when the answer is there. */
export async function poll(
  everyMs: number,
  ask: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await shown(signal);
    try {
      await ask(signal);
    } catch (error) {
      // The banner knows of a lost connection; what will not pass is for the caller.
      if (!signal.aborted && !asError(error).retryable) {
        throw error;
      }
    }
    await pause(everyMs, signal);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
