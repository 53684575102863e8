/** Numbers as the command line and the files of a report write them: see `gauntlet_model::number`. */

const NO_VALUE = '–';
const DAY_US = 86_400_000_000;

/** A latency in microseconds with three digits that count: `7.62 µs`, `46.1 ms`, `1.00 s`. */
export function latency(us: number | undefined): string {
  if (us === undefined || !Number.isFinite(us)) {
    return NO_VALUE;
  }
  if (us < 0) {
    return `−${latency(-us)}`;
  }
  if (us < 999.5) {
    return `${threeDigits(us)} µs`;
  }
  if (us < 9_999_500) {
    return `${threeDigits(us / 1e3)} ms`;
  }
  return `${threeDigits(us / 1e6)} s`;
}

function threeDigits(value: number): string {
  if (value <= 0) {
    return '0';
  }
  if (value < 9.995) {
    return fixed(value, 2);
  }
  return value < 99.95 ? fixed(value, 1) : count(Math.round(value));
}

/** Decimals as Rust writes them: a number in the middle between two goes to the even one, not up as `toFixed` has it. */
function fixed(value: number, digits: number): string {
  const scaled = value * 10 ** digits;
  // Only a dyadic fraction can be exactly in the middle.
  const isMiddle = Number.isInteger(value * 2 ** (digits + 1)) && scaled % 1 === 0.5 && Math.floor(scaled) % 2 === 0;
  return isMiddle ? (Math.floor(scaled) / 10 ** digits).toFixed(digits) : value.toFixed(digits);
}

/** Without the zeros at the end of a number that has decimals. */
function trimmed(number: string): string {
  return number.replace(/\.?0+$/, '');
}

/** A length of time in microseconds: `1 h 2 min`, `1 min 30 s`, `1.5 s`, `500 ms`; what is too small to matter is left out. */
export function duration(us: number | bigint): string {
  const length = Math.max(0, Number(us));
  if (length < 1e6) {
    return length % 1_000 === 0 ? `${length / 1_000} ms` : latency(length);
  }
  const tenths = Math.floor((length + 50_000) / 100_000);
  if (tenths < 600) {
    return `${trimmed((tenths / 10).toFixed(1))} s`;
  }
  const seconds = Math.floor((length + 500_000) / 1e6);
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3_600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  const told = parts.slice(first, first + 2).filter(([value]) => value > 0);
  return told.map(([value, unit]) => `${value} ${unit}`).join(' ');
}

/** The same in whole seconds, for what counts down or up: `20 s`, `1 min 30 s`. */
export function span(us: number | bigint): string {
  const seconds = Math.max(0, Math.round(Number(us) / 1e6));
  return seconds === 0 ? '0 s' : duration(seconds * 1e6);
}

/** A count: `1,206,667`. */
export function count(value: number | bigint): string {
  return value.toLocaleString('en-US');
}

/** Operations per second: whole from a hundred on, one decimal below: `49,686/s`, `80.0/s`. */
export function rate(perSecond: number | undefined): string {
  if (perSecond === undefined || !Number.isFinite(perSecond)) {
    return NO_VALUE;
  }
  return perSecond < 99.95 ? `${fixed(perSecond, 1)}/s` : `${count(Math.round(perSecond))}/s`;
}

/** A share from 0 to 1: `0.12 %`. */
export function percent(share: number | undefined): string {
  if (share === undefined || !Number.isFinite(share)) {
    return NO_VALUE;
  }
  const value = share * 100;
  return `${trimmed(fixed(value, value < 1 ? 4 : 2))} %`;
}

/** A number of bytes: `1.57 MB`. */
export function bytes(value: number | bigint): string {
  const units = ['kB', 'MB', 'GB', 'TB'];
  let size = Number(value);
  let unit = 'B';
  while (size >= 999.5) {
    const next = units.shift();
    if (next === undefined) {
      break;
    }
    size /= 1e3;
    unit = next;
  }
  return unit === 'B' ? `${Math.round(size)} B` : `${threeDigits(size)} ${unit}`;
}

/** Microseconds since the Unix epoch as a `Date`; `undefined` for 0, which says "not yet". */
export function date(us: bigint | number): Date | undefined {
  return Number(us) === 0 ? undefined : new Date(Number(us) / 1_000);
}

/** The date in the viewer's time zone: `2026-03-01`. */
function day(at: Date): string {
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}

/** How far the viewer's clock is from UTC at an instant: `UTC+9`, `UTC−3:30`, `UTC`. */
function offset(at: Date): string {
  const minutes = -at.getTimezoneOffset();
  const ahead = Math.abs(minutes);
  const [hours, rest] = [Math.floor(ahead / 60), ahead % 60];
  const text = rest > 0 ? `${hours}:${two(rest)}` : String(hours);
  return minutes === 0 ? 'UTC' : `UTC${minutes > 0 ? '+' : '−'}${text}`;
}

/** The time zone of all times of day that are shown: `Asia/Tokyo (UTC+9)`. */
export function zone(at: Date = new Date()): string {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  return timeZone === 'UTC' ? 'UTC' : `${timeZone} (${offset(at)})`;
}

/** The time of day in the viewer's time zone: `14:05:09`. */
export function timeOfDay(us: bigint | number): string {
  const at = date(us);
  return at ? `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}` : NO_VALUE;
}

/** The same to the millisecond: `14:05:09.042`. */
export function timeOfDayMs(us: bigint | number): string {
  const at = date(us);
  return at ? `${timeOfDay(us)}.${String(at.getMilliseconds()).padStart(3, '0')}` : NO_VALUE;
}

/** An instant in the viewer's time zone, which is said: `2026-03-01 14:05:09 UTC+9`. */
export function instant(us: bigint | number): string {
  const at = date(us);
  return at ? `${day(at)} ${timeOfDay(us)} ${offset(at)}` : NO_VALUE;
}

/** An instant as the command line writes it: `2026-03-01 05:05:09 UTC`. */
export function utc(us: bigint | number): string {
  const at = date(us);
  return at ? `${at.toISOString().slice(0, 19).replace('T', ' ')} UTC` : NO_VALUE;
}

/** How long ago, by the server's clock: `just now`, `5 min ago`. */
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
    return `${Math.floor(seconds / 60)} min ago`;
  }
  if (seconds < 86_400) {
    return `${Math.floor(seconds / 3_600)} h ago`;
  }
  return `${Math.floor(seconds / 86_400)} d ago`;
}

/** When it was: how long ago within a day, by the server's clock, else the date: `5 min ago`, `2026-03-01 14:05`. */
export function when(us: bigint | number, nowUs: number): string {
  const at = date(us);
  const isRecent = nowUs - Number(us) < DAY_US;
  return isRecent || !at ? ago(us, nowUs) : `${day(at)} ${timeOfDay(us).slice(0, -':09'.length)}`;
}
