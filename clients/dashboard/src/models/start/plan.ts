/** What a run will do, before it is asked to: what a person confirms. */
import { count } from '../../lib/format';
import { OperationKind, type Run, type Target, type Template, type TemplateSpec } from '../../lib/pb';
import { modeSuffix } from '../targets/encryption';
import { DEFAULT_PORT } from '../targets/view';
import { mixInWords, specView, writes } from '../templates/view';
import { lasts, micros } from '../templates/words';

export interface Phase {
  name: string;
  lasts: string;
  /** Its share of the bar, 0 to 1. */
  share: number;
}

export interface Plan {
  template: string;
  version: number;
  target: string;
  /** `sqlite /data/x.db`; empty when the target cannot be read. */
  address: string;
  load: string;
  /** What a search does with the load; empty without one. */
  search: string;
  phases: Phase[];
  duration: string;
  operations: string;
  /** How many operations are planned. */
  estimate: string;
  /** What the run changes at the target. */
  writes: string;
  objectives: string;
  /** Empty when the target has no price. */
  cost: string;
}

export function planOfTemplate(template: Template, target: Target | undefined): Plan {
  return plan(template.name, template.version, template.spec, target);
}

export function planOfRun(run: Run, target: Target | undefined): Plan {
  return plan(run.template, run.templateVersion, run.spec, target);
}

function plan(template: string, version: number, spec: TemplateSpec | undefined, target: Target | undefined): Plan {
  const view = specView(spec);
  const warmup = micros(spec?.phases?.warmup);
  const measurement = micros(spec?.phases?.measurement);
  const objectives = view.objectives.map((objective) => `${objective.limit} (${objective.scope})`);
  return {
    template,
    version,
    target: view.target,
    address: target ? addressInWords(target) : '',
    load: view.load,
    search: view.control.find((row) => row.name === 'search')?.value ?? '',
    phases: phases(warmup, measurement),
    duration: view.duration,
    operations: mixInWords(view),
    estimate: spec ? estimate(spec, warmup + measurement) : '',
    writes: spec ? written(spec, warmup + measurement) : '',
    objectives: objectives.join(', ') || 'none',
    cost: cost(target?.pricePerHour ?? 0, warmup + measurement),
  };
}

/** Where a database is, without its password. */
export function addressInWords({ address }: Target): string {
  switch (address.case) {
    case 'sqlite':
      return `sqlite ${address.value.path}`;
    case 'postgres': {
      const { user, host, port, database } = address.value;
      return `postgres ${user}@${host}:${port || DEFAULT_PORT}/${database}${modeSuffix(address.value)}`;
    }
    case undefined:
      return '';
  }
}

function phases(warmup: number, measurement: number): Phase[] {
  const whole = Math.max(1, warmup + measurement);
  return [
    { name: 'warmup', lasts: lasts(warmup), share: warmup / whole },
    { name: 'measurement', lasts: lasts(measurement), share: measurement / whole },
  ].filter((phase) => phase.share > 0);
}

/** Operations due in an open loop without a search; `undefined` where the target decides. */
function due(spec: TemplateSpec, us: number): number | undefined {
  const mode = spec.load?.mode;
  return mode?.case === 'rate' && !spec.search ? Math.round((mode.value.perSecond * us) / 1e6) : undefined;
}

function estimate(spec: TemplateSpec, us: number): string {
  const operations = due(spec, us);
  return operations === undefined ? 'as many operations as the target completes' : `${count(operations)} operations`;
}

/** Rows written: counted where the load says how many, shares elsewhere. */
function written(spec: TemplateSpec, us: number): string {
  const operations = due(spec, us);
  const share = (of: (kind: OperationKind) => boolean): number =>
    spec.operations.filter((operation) => writes(operation) && of(operation.kind)).reduce((sum, { weight }) => sum + weight, 0);
  const inserted = share((kind) => kind === OperationKind.INSERT);
  const updated = share((kind) => kind === OperationKind.UPDATE);
  const other = share((kind) => kind === OperationKind.SQL);
  const say = (percent: number, verb: string, what: string): string[] => {
    if (percent === 0) {
      return [];
    }
    const short = Number(percent.toFixed(2));
    return operations === undefined
      ? [`${short} % of the operations ${verb} ${what}`]
      : [`about ${count(Math.round((operations * percent) / 100))} ${verb} ${what}`];
  };
  const parts = [...say(inserted, 'insert', 'a row'), ...say(updated, 'update', 'a row'), ...say(other, 'change data', 'by SQL')];
  return parts.length === 0 ? 'nothing: all operations read' : parts.join('; ');
}

function cost(pricePerHour: number, us: number): string {
  if (pricePerHour <= 0) {
    return '';
  }
  const hours = us / 3.6e9;
  return `about ${(hours * pricePerHour).toFixed(4)} at ${pricePerHour} per hour`;
}
