/** A template's parts in words, as the command line says them. */
import type { Duration } from '@bufbuild/protobuf/wkt';

import { count, latency, rate, span } from '../../lib/format';
import {
  GuardrailMode,
  Launcher,
  OperationKind,
  PoolOrder,
  ScalingMode,
  StatementClass,
  WorkerLossPolicy,
  type Literal,
  type Load,
  type Operation,
  type Parameter,
  type Phases,
  type Search,
  type Slo,
  type TemplateSpec,
} from '../../lib/pb';
import { plain } from '../../lib/words';

/** Microseconds; 0 when absent. */
export function micros(duration: Duration | undefined): number {
  return duration ? Number(duration.seconds) * 1e6 + duration.nanos / 1e3 : 0;
}

/** A length of time: whole seconds as people count them, others to three digits. */
export function lasts(us: number): string {
  return us % 1_000_000 === 0 ? span(us) : latency(us);
}

/** The label that reports use. */
export function operationName(operation: Operation): string {
  return operation.name === '' ? kindName(operation.kind).replaceAll(' ', '-') : operation.name;
}

export function kindName(kind: OperationKind): string {
  return kind === OperationKind.UNSPECIFIED ? 'no kind' : plain(OperationKind[kind]);
}

export function closedOrOpen(load: Load | undefined): string {
  switch (load?.mode.case) {
    case 'concurrency':
      return 'closed loop';
    case 'rate':
      return 'open loop';
    case undefined:
      return 'not said';
  }
}

/** `8 connections`, `500/s over 8 connections`. */
export function level(load: Load | undefined): string {
  switch (load?.mode.case) {
    case 'concurrency':
      return connections(load.mode.value.connections);
    case 'rate':
      return `${rate(load.mode.value.perSecond)} over ${connections(load.mode.value.connections)}`;
    case undefined:
      return '';
  }
}

function connections(number: number): string {
  return number === 1 ? '1 connection' : `${count(number)} connections`;
}

export function workersInWords(spec: TemplateSpec): string {
  const workers = Math.max(1, spec.workers);
  return workers === 1 ? '1 worker' : `${count(workers)} workers`;
}

/** The whole load in one line. */
export function loadInWords(spec: TemplateSpec): string {
  const mode = spec.load?.mode;
  if (mode?.case === undefined) {
    return 'not said';
  }
  const think = mode.case === 'concurrency' ? micros(mode.value.thinkTime) : 0;
  const pause = think > 0 ? `, ${lasts(think)} pause after each operation` : '';
  return `${closedOrOpen(spec.load)}: ${level(spec.load)}, ${workersInWords(spec)}${pause}`;
}

/** `20 s (warmup 3 s, measurement 17 s)`. */
export function durationInWords(phases: Phases | undefined): string {
  const warmup = micros(phases?.warmup);
  const measurement = micros(phases?.measurement);
  if (warmup === 0) {
    return lasts(measurement);
  }
  if (phases?.untilSteady) {
    return `up to ${lasts(warmup + measurement)} (warmup until steady, at most ${lasts(warmup)}, measurement ${lasts(measurement)})`;
  }
  return `${lasts(warmup + measurement)} (warmup ${lasts(warmup)}, measurement ${lasts(measurement)})`;
}

/** What a parameter's values are like: `zipf 1 to 100,000`. */
export function parameterInWords(parameter: Parameter): string {
  const { generator } = parameter;
  switch (generator.case) {
    case 'literal':
      return literalInWords(generator.value);
    case 'uniform':
      return `uniform ${between(generator.value)}`;
    case 'sequential':
      return `sequential ${between(generator.value)}`;
    case 'zipf':
      return `zipf ${between(generator.value)}${exponent(generator.value.exponent)}`;
    case 'text':
      return `text of ${count(generator.value.length)} letters`;
    case 'pool': {
      const order = generator.value.order === PoolOrder.UNSPECIFIED ? 'uniform' : plain(PoolOrder[generator.value.order]);
      return `pool ${generator.value.pool}, ${order}${exponent(generator.value.exponent)}`;
    }
    case undefined:
      return 'not said';
  }
}

function between(range: { min: bigint; max: bigint }): string {
  return `${count(range.min)} to ${count(range.max)}`;
}

function exponent(value: number): string {
  return value === 0 ? '' : `, exponent ${value}`;
}

function literalInWords({ value }: Literal): string {
  switch (value.case) {
    case 'integer':
    case 'number':
      return `always ${value.value}`;
    case 'text':
      return `always "${value.value}"`;
    case 'null':
      return 'always NULL';
    case undefined:
      return 'not said';
  }
}

/** What an objective asks for: `p99 at most 50 ms`. */
export function limitInWords({ limit }: Slo): string {
  switch (limit.case) {
    case 'latency':
      return `p${limit.value.percentile} at most ${latency(micros(limit.value.max))}`;
    case 'maxErrorRatio':
      return `errors at most ${Number((limit.value * 100).toPrecision(6))} %`;
    case 'minThroughputPerS':
      return `throughput at least ${rate(limit.value)}`;
    case undefined:
      return 'not said';
  }
}

/** Which operations an objective looks at. */
export function scopeInWords(slo: Slo): string {
  if (slo.class !== StatementClass.UNSPECIFIED) {
    return slo.class === StatementClass.READ ? 'reads' : 'writes';
  }
  return slo.operation || slo.label || 'all operations';
}

/** Rows of name and value for what is done with the load beyond its phases; only what the template says. */
export function controlInWords(spec: TemplateSpec): { name: string; value: string }[] {
  const rows: { name: string; value: string }[] = [];
  const add = (name: string, value: string): void => {
    rows.push({ name, value });
  };
  const time = (name: string, duration: Duration | undefined): void => {
    if (micros(duration) > 0) {
      add(name, lasts(micros(duration)));
    }
  };
  if (spec.search) {
    add('search', searchInWords(spec.search));
  }
  if (spec.scaling) {
    const most = spec.scaling.maxWorkers === 0 ? '' : `, at most ${count(spec.scaling.maxWorkers)} workers`;
    add('scaling', (spec.scaling.mode === ScalingMode.UNSPECIFIED ? 'fixed' : plain(ScalingMode[spec.scaling.mode])) + most);
  }
  if (spec.guardrails) {
    add('guardrails', spec.guardrails.mode === GuardrailMode.UNSPECIFIED ? 'hard' : plain(GuardrailMode[spec.guardrails.mode]));
  }
  if (spec.workerLoss !== WorkerLossPolicy.UNSPECIFIED) {
    add('when a worker is lost', plain(WorkerLossPolicy[spec.workerLoss]));
  }
  if (spec.launcher === Launcher.LOCAL) {
    add('workers', 'started by the control plane, ended with the run');
  }
  const labels = Object.entries(spec.workerLabels).map(([key, value]) => `${key}=${value}`);
  if (labels.length > 0) {
    add('worker labels', labels.toSorted().join(', '));
  }
  time('operation timeout', spec.operationTimeout);
  time('start timeout', spec.startTimeout);
  time('drain timeout', spec.phases?.drainTimeout);
  time('wait for workers', spec.workerWait);
  time('clock uncertainty at most', spec.maxClockUncertainty);
  if (spec.seed > 1n) {
    add('seed', spec.seed.toString());
  }
  return rows;
}

function searchInWords(search: Search): string {
  const { method } = search;
  const how = method.case === 'linear' ? `increments of ${count(method.value.increment)}` : 'grow and bisect';
  const step = search.step ? `, steps of ${lasts(micros(search.step))}` : '';
  const most = search.maxLevel > 0 ? `, up to ${count(search.maxLevel)}` : '';
  return `for the highest level: ${how}${step}${most}`;
}
