import type { MessageInitShape } from '@bufbuild/protobuf';

import { LoadMode, type RunFilterSchema, RunStatus, Validity, Verdict } from '../../lib/pb';

/** What the list of runs shows, as the link says it. Every part may be empty. */
export interface RunQuery {
  /** Words like `running`, `failed`. */
  statuses: readonly string[];
  /** `name` or `name@3`. */
  template: string;
  /** `key=value` or `key`, joined by commas. */
  label: string;
  /** `closed` or `open`. */
  mode: string;
  /** A part of the name. */
  text: string;
  /** A day like `2026-03-01`, in the viewer's time zone; created on it or later. */
  from: string;
  /** A day; created on it or earlier. */
  to: string;
  /** Words like `pass`. */
  verdicts: readonly string[];
  /** Words like `valid`. */
  validities: readonly string[];
  /** `created desc` when empty. */
  order: string;
}

export const STATUSES: Readonly<Record<string, RunStatus>> = {
  prepared: RunStatus.PREPARED,
  starting: RunStatus.STARTING,
  running: RunStatus.RUNNING,
  stopping: RunStatus.STOPPING,
  cancelling: RunStatus.CANCELLING,
  completed: RunStatus.COMPLETED,
  stopped: RunStatus.STOPPED,
  cancelled: RunStatus.CANCELLED,
  failed: RunStatus.FAILED,
};

export const VERDICTS: Readonly<Record<string, Verdict>> = {
  pass: Verdict.PASS,
  fail: Verdict.FAIL,
  inconclusive: Verdict.INCONCLUSIVE,
};

export const VALIDITIES: Readonly<Record<string, Validity>> = {
  valid: Validity.VALID,
  invalid: Validity.INVALID,
};

const MODES: Readonly<Record<string, LoadMode>> = {
  closed: LoadMode.CONCURRENCY,
  open: LoadMode.RATE,
};

/** The orders that the server knows, with their names. */
export const ORDERS: readonly { value: string; name: string }[] = [
  { value: 'created desc', name: 'Newest first' },
  { value: 'created asc', name: 'Oldest first' },
  { value: 'name asc', name: 'Name, A to Z' },
  { value: 'name desc', name: 'Name, Z to A' },
  { value: 'ended desc', name: 'Ended last first' },
  { value: 'ended asc', name: 'Ended first first' },
];

export const NEWEST_FIRST = 'created desc';

/** The query of a link. A word that is not known is left out; text goes to the server as it is, which says what is wrong. */
export function fromLink(link: URLSearchParams): RunQuery {
  const order = link.get('sort') ?? '';
  return {
    statuses: words(link.get('status'), STATUSES),
    template: link.get('template') ?? '',
    label: link.get('label') ?? '',
    mode: words(link.get('mode'), MODES)[0] ?? '',
    text: link.get('q') ?? '',
    from: day(link.get('from')),
    to: day(link.get('to')),
    verdicts: words(link.get('verdict'), VERDICTS),
    validities: words(link.get('validity'), VALIDITIES),
    order: ORDERS.some((one) => one.value === order) ? order : NEWEST_FIRST,
  };
}

/** What a part of the query is called in a link. */
export const IN_LINK = {
  statuses: 'status',
  template: 'template',
  label: 'label',
  mode: 'mode',
  text: 'q',
  from: 'from',
  to: 'to',
  verdicts: 'verdict',
  validities: 'validity',
  order: 'sort',
} as const;

/** How many parts of the query are set; the order is none. */
export function filtersSet(query: RunQuery): number {
  const { order: _, ...filters } = query;
  return Object.values(filters).filter((part) => part.length > 0).length;
}

/** The filter that the server gets. */
export function toFilter(query: RunQuery): MessageInitShape<typeof RunFilterSchema> {
  const { template, version } = templateOf(query.template);
  const { labels, labelKeys } = labelsOf(query.label);
  const from = startOf(query.from, 0);
  const to = startOf(query.to, 1);
  return {
    statuses: values(query.statuses, STATUSES),
    template,
    templateVersion: version,
    nameContains: query.text.trim(),
    labels,
    labelKeys,
    loadMode: MODES[query.mode] ?? LoadMode.UNSPECIFIED,
    verdicts: values(query.verdicts, VERDICTS),
    validities: values(query.validities, VALIDITIES),
    ...(from > 0n || to > 0n ? { created: { fromUs: from, toUs: to } } : {}),
  };
}

/** Which part of the query a path of the server's violations is about. */
export function partOf(field: string): keyof RunQuery | undefined {
  const parts: readonly (readonly [string, keyof RunQuery])[] = [
    ['filter.template', 'template'],
    ['filter.name_contains', 'text'],
    ['filter.label', 'label'],
    ['filter.created', 'from'],
    ['order_by', 'order'],
  ];
  return parts.find(([start]) => field.startsWith(start))?.[1];
}

function words(text: string | null, known: Readonly<Record<string, unknown>>): string[] {
  return (text ?? '').split(',').filter((word) => Object.hasOwn(known, word));
}

function values<T>(chosen: readonly string[], known: Readonly<Record<string, T>>): T[] {
  return chosen.flatMap((word) => known[word] ?? []);
}

function day(text: string | null): string {
  return text !== null && /^\d{4}-\d{2}-\d{2}$/.test(text) ? text : '';
}

/** The start of a day, or of one `later`, in microseconds; 0 for no day. */
function startOf(text: string, later: number): bigint {
  const [year, month, date] = text.split('-').map(Number);
  if (year === undefined || month === undefined || date === undefined) {
    return 0n;
  }
  const ms = new Date(year, month - 1, date + later).getTime();
  return Number.isFinite(ms) ? BigInt(Math.max(0, ms)) * 1_000n : 0n;
}

function templateOf(text: string): { template: string; version: number } {
  const [, name, version] = /^(.*)@(\d{1,9})$/.exec(text.trim()) ?? [];
  return name === undefined ? { template: text.trim(), version: 0 } : { template: name, version: Number(version) };
}

function labelsOf(text: string): { labels: Record<string, string>; labelKeys: string[] } {
  const labels: Record<string, string> = {};
  const labelKeys: string[] = [];
  for (const part of text.split(',').map((one) => one.trim())) {
    const at = part.indexOf('=');
    if (at > 0) {
      labels[part.slice(0, at).trim()] = part.slice(at + 1).trim();
    } else if (part !== '') {
      labelKeys.push(part);
    }
  }
  return { labels, labelKeys };
}
