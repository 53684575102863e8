/** Numbers as the command line writes them: three significant digits, units that a person reads. */

const NO_VALUE = '–';
const DAY_US = 86_400_000_000;

function significant(value: number): string {
  if (value === 0) {
    return '0';
  }
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toLocaleString('en-US', {
    minimumFractionDigits: 0,
    maximumFractionDigits: Math.min(digits, 6),
  });
}

/** A latency in microseconds: `7.62 µs`, `46.1 ms`, `1.65 s`. */
export function latency(us: number | undefined): string {
  if (us === undefined || !Number.isFinite(us)) {
    return NO_VALUE;
  }
  const size = Math.abs(us);
  if (size < 1_000) {
    return `${significant(us)} µs`;
  }
  if (size < 1_000_000) {
    return `${significant(us / 1_000)} ms`;
  }
  return `${significant(us / 1_000_000)} s`;
}

/** A length of time in microseconds for people: `20 s`, `1 m 30 s`, `2 h 5 m`. */
export function span(us: number | bigint): string {
  const seconds = Math.max(0, Math.round(Number(us) / 1_000_000));
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  if (hours > 0) {
    return minutes > 0 ? `${hours} h ${minutes} m` : `${hours} h`;
  }
  if (minutes > 0) {
    return seconds % 60 > 0 ? `${minutes} m ${seconds % 60} s` : `${minutes} m`;
  }
  return `${seconds} s`;
}

/** A count: `1,206,667`. */
export function count(value: number | bigint): string {
  return value.toLocaleString('en-US');
}

/** Operations per second: `49,686/s`, `0.25/s`. */
export function rate(perSecond: number | undefined): string {
  if (perSecond === undefined || !Number.isFinite(perSecond)) {
    return NO_VALUE;
  }
  const value = perSecond >= 1_000 ? count(Math.round(perSecond)) : significant(perSecond);
  return `${value}/s`;
}

/** A share from 0 to 1: `0.12 %`. */
export function percent(share: number | undefined): string {
  if (share === undefined || !Number.isFinite(share)) {
    return NO_VALUE;
  }
  return `${significant(share * 100)} %`;
}

/** A number of bytes: `1.5 MiB`. */
export function bytes(value: number | bigint): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let size = Number(value);
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${significant(size)} ${units[unit] ?? ''}`;
}

/** Microseconds since the Unix epoch as a `Date`; `undefined` for 0, which says "not yet". */
export function date(us: bigint | number): Date | undefined {
  return Number(us) === 0 ? undefined : new Date(Number(us) / 1_000);
}

/** An instant in the viewer's time zone: `2026-03-01 14:05:09`. */
export function instant(us: bigint | number): string {
  const at = date(us);
  if (!at) {
    return NO_VALUE;
  }
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** How long ago, by the server's clock: `just now`, `5 m ago`. */
export function ago(us: bigint | number, nowUs: number): string {
  if (Number(us) === 0) {
    return NO_VALUE;
  }
  const seconds = Math.max(0, (nowUs - Number(us)) / 1_000_000);
  if (seconds < 5) {
    return 'just now';
  }
  if (seconds < 60) {
    return `${Math.floor(seconds)} s ago`;
  }
  if (seconds < 3_600) {
    return `${Math.floor(seconds / 60)} m ago`;
  }
  if (seconds < 86_400) {
    return `${Math.floor(seconds / 3_600)} h ago`;
  }
  return `${Math.floor(seconds / 86_400)} d ago`;
}

/** When it was: how long ago within a day, by the server's clock, else the date: `5 m ago`, `2026-03-01 14:05`. */
export function when(us: bigint | number, nowUs: number): string {
  const isRecent = nowUs - Number(us) < DAY_US;
  return isRecent ? ago(us, nowUs) : instant(us).slice(0, -':09'.length);
}
