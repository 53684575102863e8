/** What can be chosen in the form: the words of the file with words for people. */

export interface Option {
  value: string;
  text: string;
}

function options(all: Record<string, string>): Option[] {
  return Object.entries(all).map(([value, text]) => ({ value, text }));
}

export const KINDS = options({
  point_lookup: 'point lookup: one row by its key',
  range_scan: 'range scan: rows from a key upward',
  insert: 'insert: a new row',
  update: 'update: columns of a row',
  sql: 'SQL: any statement',
});

export const CLASSES = options({ '': 'choose', read: 'reads', write: 'writes' });

export const GENERATORS = options({
  uniform: 'uniform: all equally likely',
  zipf: 'zipf: small ones often',
  sequential: 'sequential: in order',
  literal: 'literal: always the same',
  text: 'text: random letters',
  pool: 'pool: from a value pool',
});

export const LITERALS = options({ text: 'text', integer: 'whole number', number: 'number', null: 'NULL' });

export const POOL_ORDERS = options({ uniform: 'uniform', sequential: 'sequential', zipf: 'zipf' });

export const LIMITS = options({
  latency: 'latency percentile at most',
  max_error_ratio: 'error ratio at most',
  min_throughput_per_s: 'throughput at least',
});

export const LOSSES = options({
  fail: 'fail: the run ends',
  continue: 'continue with the workers left',
  replace: 'replace: another worker takes over',
});

export const LAUNCHERS = options({ external: 'external: workers that are attached', local: 'local: started for the run' });

export const SCALINGS = options({ fixed: 'fixed: exactly these workers', bounded: 'bounded: up to a number', auto: 'auto: as many as needed' });

export const GUARDRAILS = options({ hard: 'hard: the run ends', soft: 'soft: load is taken back first' });

/** A field that is one number, a share or a length of time. */
export interface Plain {
  key: string;
  label: string;
  kind: 'whole' | 'number' | 'duration';
  help: string;
}

export const STOP_SIGNALS: readonly Plain[] = [
  { key: 'max_error_ratio', label: 'Errors at most', kind: 'number', help: 'share, 0 to 1; 0.01 when empty' },
  { key: 'max_latency_increase', label: 'p95 increase at most', kind: 'number', help: 'share of the first step; 1 allows twice as much' },
  { key: 'max_throughput_drop', label: 'Throughput drop at most', kind: 'number', help: 'share, 0 to 1; 0.1 when empty' },
  { key: 'max_rate_shortfall', label: 'Rate shortfall at most', kind: 'number', help: 'open loop; share, 0.02 when empty' },
  { key: 'min_gain', label: 'Gain at least', kind: 'number', help: 'closed loop; share of perfect scaling' },
  { key: 'max_queue_ratio', label: 'Waiting sessions at most', kind: 'number', help: 'share of all connections' },
];

export const GUARDRAIL_LIMITS: readonly Plain[] = [
  { key: 'max_worker_cpu', label: 'Worker CPU at most', kind: 'number', help: 'share, 0 to 1' },
  { key: 'max_worker_memory_bytes', label: 'Worker memory at most', kind: 'whole', help: 'bytes' },
  { key: 'max_error_ratio', label: 'Errors at most', kind: 'number', help: 'share within a second, 0 to 1' },
  { key: 'max_queue_ratio', label: 'Waiting sessions at most', kind: 'number', help: 'share of all connections' },
  { key: 'patience_s', label: 'Patience', kind: 'whole', help: 'seconds in a row; 3 when empty' },
];

export const TIMES: readonly Plain[] = [
  { key: 'operation_timeout', label: 'Operation timeout', kind: 'duration', help: '10s when empty' },
  { key: 'start_timeout', label: 'Start timeout', kind: 'duration', help: '30s when empty' },
  { key: 'worker_wait', label: 'Wait for workers', kind: 'duration', help: 'fails at once when empty' },
  { key: 'max_clock_uncertainty', label: 'Clock uncertainty at most', kind: 'duration', help: '20ms when empty' },
];
