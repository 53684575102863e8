/** A template as the pages show it. */
import { count } from '../../lib/format';
import { OperationKind, StatementClass, type Operation, type Template, type TemplateSpec } from '../../lib/pb';

import {
  closedOrOpen,
  controlInWords,
  durationInWords,
  kindName,
  level,
  limitInWords,
  loadInWords,
  operationName,
  parameterInWords,
  scopeInWords,
  workersInWords,
} from './words';

export interface OperationView {
  name: string;
  kind: string;
  /** Percent. */
  weight: number;
  writes: boolean;
  label: string;
  /** The table and its columns, or the statement. */
  what: string;
  isSql: boolean;
  /** One for each parameter, in order. */
  parameters: string[];
}

export interface ObjectiveView {
  name: string;
  scope: string;
  limit: string;
  ends: boolean;
}

export interface SpecView {
  description: string;
  target: string;
  table: string;
  key: string;
  load: string;
  loadMode: string;
  level: string;
  workers: string;
  duration: string;
  operations: OperationView[];
  objectives: ObjectiveView[];
  control: { name: string; value: string }[];
}

export interface TemplateView {
  project: string;
  name: string;
  version: number;
  etag: string;
  updatedUs: number;
  spec: SpecView;
}

export function templateView(template: Template): TemplateView {
  return {
    project: template.project,
    name: template.name,
    version: template.version,
    etag: template.etag,
    updatedUs: Number(template.updatedUs),
    spec: specView(template.spec),
  };
}

export function specView(spec: TemplateSpec | undefined): SpecView {
  if (!spec) {
    return NOTHING;
  }
  return {
    description: spec.description,
    target: spec.target,
    table: spec.table,
    key: spec.keyColumn || 'id',
    load: loadInWords(spec),
    loadMode: closedOrOpen(spec.load),
    level: level(spec.load),
    workers: workersInWords(spec),
    duration: durationInWords(spec.phases),
    operations: spec.operations.map((operation) => operationView(operation, spec.table)),
    objectives: spec.slos.map((slo) => ({
      name: slo.name,
      scope: scopeInWords(slo),
      limit: limitInWords(slo),
      ends: slo.abortOnFail,
    })),
    control: controlInWords(spec),
  };
}

const NOTHING: SpecView = {
  description: '',
  target: '',
  table: '',
  key: '',
  load: '',
  loadMode: '',
  level: '',
  workers: '',
  duration: '',
  operations: [],
  objectives: [],
  control: [],
};

function operationView(operation: Operation, table: string): OperationView {
  const isSql = operation.kind === OperationKind.SQL;
  return {
    name: operationName(operation),
    kind: kindName(operation.kind),
    weight: operation.weight,
    writes: writes(operation),
    label: operation.label,
    what: isSql ? operation.sql : touched(operation, operation.table || table),
    isSql,
    parameters: operation.parameters.map(parameterInWords),
  };
}

/** Whether an operation changes data. */
export function writes(operation: Operation): boolean {
  switch (operation.kind) {
    case OperationKind.INSERT:
    case OperationKind.UPDATE:
      return true;
    case OperationKind.SQL:
      return operation.class === StatementClass.WRITE;
    default:
      return false;
  }
}

function touched(operation: Operation, table: string): string {
  const columns = operation.columns.length > 0 ? `: ${operation.columns.join(', ')}` : '';
  const rows = operation.kind === OperationKind.RANGE_SCAN ? `, up to ${count(operation.limit || 100)} rows` : '';
  return `${table}${columns}${rows}`;
}

/** The mix in one line: `point-lookup 70 %, update 30 %`, with spaces that do not break. */
export function mixInWords(view: SpecView): string {
  return view.operations.map((operation) => `${operation.name} ${operation.weight}\u00a0%`).join(', ');
}
