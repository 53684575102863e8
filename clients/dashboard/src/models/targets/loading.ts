/** A table being made and filled. */
export interface Loading {
  loaded: number;
  total: number;
  /** Since the first message, by the browser's steady clock, milliseconds. */
  elapsedMs: number;
  /** Rows that were there at the first message: they say nothing of the speed. */
  loadedAtStart: number;
  /** It was there already, with this content. */
  alreadyPresent: boolean;
}

/** Takes a message of the load. */
export function advanced(
  before: Loading | undefined,
  message: { loaded: number; total: number; alreadyPresent: boolean },
  elapsedMs: number,
): Loading {
  return { ...message, elapsedMs, loadedAtStart: before?.loadedAtStart ?? message.loaded };
}

/** Rows per second so far; nothing before there is a figure. */
export function speed(loading: Loading): number | undefined {
  const rows = loading.loaded - loading.loadedAtStart;
  return loading.elapsedMs > 0 && rows > 0 ? rows / (loading.elapsedMs / 1_000) : undefined;
}

/** How long it will take from now at that speed, microseconds; nothing before there is a figure. */
export function remainingUs(loading: Loading): number | undefined {
  const perSecond = speed(loading);
  return perSecond === undefined ? undefined : ((loading.total - loading.loaded) / perSecond) * 1_000_000;
}

/** 0 to 1. */
export function share(loading: Loading): number {
  return loading.total > 0 ? Math.min(1, loading.loaded / loading.total) : 0;
}
