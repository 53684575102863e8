import { create, equals } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';

import { OperationKind, TemplateSpecSchema, WorkerLossPolicy, type TemplateSpec } from '../../lib/pb';

import { toDoc, toSpec } from './doc';
import { formatDuration, parseDuration, toJsonDuration } from './duration';
import { caseAt, fieldOf, moved, read, steps, write, type Doc } from './path';

const SPEC: TemplateSpec = create(TemplateSpecSchema, {
  target: 'db',
  table: 't',
  seed: 18_446_744_073_709_551_615n,
  workers: 3,
  workerLoss: WorkerLossPolicy.REPLACE,
  workerLabels: { 'zone.a/b': 'x' },
  operations: [
    {
      kind: OperationKind.POINT_LOOKUP,
      weight: 99.99,
      parameters: [{ generator: { case: 'zipf', value: { min: -9_007_199_254_740_993n, max: 5n, exponent: 0.5 } } }],
    },
    {
      kind: OperationKind.SQL,
      weight: 0.01,
      sql: 'SELECT $1',
      parameters: [
        { generator: { case: 'literal', value: { value: { case: 'null', value: true } } } },
        { generator: { case: 'literal', value: { value: { case: 'integer', value: 7n } } } },
      ],
    },
  ],
  load: { mode: { case: 'concurrency', value: { connections: 8, thinkTime: { seconds: 0n, nanos: 1_500_000 } } } },
  phases: { warmup: { seconds: 90n }, measurement: { seconds: 3_661n }, untilSteady: {} },
  slos: [{ limit: { case: 'maxErrorRatio', value: 0 } }],
  search: { method: { case: 'bisect', value: {} }, confirm: { seconds: 0n } },
});

const DOC: Doc = {
  target: 'db',
  table: 't',
  seed: '18446744073709551615',
  workers: 3,
  worker_loss: 'replace',
  worker_labels: { 'zone.a/b': 'x' },
  operations: [
    {
      kind: 'point_lookup',
      weight: 99.99,
      parameters: [{ zipf: { min: '-9007199254740993', max: '5', exponent: 0.5 } }],
    },
    {
      kind: 'sql',
      weight: 0.01,
      sql: 'SELECT $1',
      parameters: [{ literal: { null: true } }, { literal: { integer: '7' } }],
    },
  ],
  load: { concurrency: { connections: 8, think_time: '1ms500us' } },
  phases: { warmup: '1m30s', measurement: '1h1m1s', until_steady: {} },
  slos: [{ max_error_ratio: 0 }],
  search: { bisect: {}, confirm: '0s' },
};

describe('a spec as a document', () => {
  test('has the shape of a template file', () => {
    expect(toDoc(SPEC)).toEqual(DOC);
  });

  test('comes back as it was', () => {
    const { spec, wrong } = toSpec(DOC);
    expect(wrong).toEqual([]);
    expect(equals(TemplateSpecSchema, spec, SPEC)).toBe(true);
  });

  test('takes numbers as they are typed', () => {
    const { spec, wrong } = toSpec({ workers: '1,000', seed: ' 7 ', operations: [{ weight: '12.5' }] });
    expect(wrong).toEqual([]);
    expect([spec.workers, spec.seed, spec.operations[0]?.weight]).toEqual([1000, 7n, 12.5]);
  });

  test.each<[string, Doc, string]>([
    ['workers', { workers: 'two' }, 'write a whole number'],
    ['workers', { workers: '-1' }, 'write a whole number'],
    ['workers', { workers: '4294967296' }, 'write a whole number'],
    ['operations[1].weight', { operations: [{ weight: 1 }, { weight: '' }] }, 'write a number'],
    ['operations[0].kind', { operations: [{ kind: 'nothing' }] }, 'choose one'],
    ['operations[0].parameters[0].uniform.max', { operations: [{ parameters: [{ uniform: { max: '1.5' } }] }] }, 'write a whole number'],
    ['phases.warmup', { phases: { warmup: 'soon' } }, '"soon" is no length of time; write 250ms, 30s or 1m30s'],
    ['phases', { phases: 'long' }, 'something else is needed here'],
  ])('names %s that cannot be', (field, doc, message) => {
    expect(toSpec(doc).wrong).toEqual([{ field, message }]);
  });

  test('keeps the entries after a wrong one in their places', () => {
    const { spec } = toSpec({ operations: [{ weight: 'x', table: 'a' }, { weight: 5 }] });
    expect(spec.operations.map((operation) => [operation.table, operation.weight])).toEqual([['a', 0], ['', 5]]);
  });
});

describe('a length of time', () => {
  test.each([
    ['1m30s', '1m30s', '90s'],
    ['90s', '1m30s', '90s'],
    ['0.25s', '250ms', '0.25s'],
    ['1.5h', '1h30m', '5400s'],
    ['3 s', '3s', '3s'],
    ['7µs', '7us', '0.000007s'],
    ['1ns', '1ns', '0.000000001s'],
    ['0', '0s', '0s'],
  ])('%s is %s', (typed, written, json) => {
    expect(formatDuration(parseDuration(typed) ?? -1n)).toBe(written);
    expect(toJsonDuration(typed)).toBe(json);
  });

  test.each(['', '5', 's', '-1s', '1d', '1s5', 'ten s'])('%j is none', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });
});

describe('a path', () => {
  test('has steps', () => {
    expect(steps('operations[1].parameters[0].zipf.min')).toEqual(['operations', 1, 'parameters', 0, 'zipf', 'min']);
  });

  test('leads to a value, or nowhere', () => {
    expect(read(DOC, 'operations[0].parameters[0].zipf.exponent')).toBe(0.5);
    expect(read(DOC, 'operations[7].weight')).toBeUndefined();
    expect(read(DOC, 'target.name')).toBeUndefined();
    expect(read({}, 'constructor')).toBeUndefined();
  });

  test('is written without changing what was there', () => {
    const before: Doc = { load: { rate: { connections: 1 } }, slos: [{ name: 'a' }, { name: 'b' }] };
    const copy = structuredClone(before);
    expect(write(before, 'load.rate.per_second', '5')).toEqual({ ...copy, load: { rate: { connections: 1, per_second: '5' } } });
    expect(write(before, 'slos[0]', undefined)).toEqual({ ...copy, slos: [{ name: 'b' }] });
    expect(write(before, 'load.rate.connections', undefined)).toEqual({ ...copy, load: { rate: {} } });
    expect(write({}, 'phases.until_steady.window', '5s')).toEqual({ phases: { until_steady: { window: '5s' } } });
    expect(before).toEqual(copy);
  });

  test('tells the alternatives apart', () => {
    expect(caseAt(DOC, 'load', ['rate', 'concurrency'])).toBe('concurrency');
    expect(caseAt({}, 'load', ['rate', 'concurrency'])).toBe('');
  });

  test('moves entries', () => {
    expect(moved(['a', 'b', 'c'], 1, -1)).toEqual(['b', 'a', 'c']);
    expect(moved(['a', 'b', 'c'], 1, 1)).toEqual(['a', 'c', 'b']);
    expect(moved(['a', 'b'], 0, -1)).toEqual(['a', 'b']);
    expect(moved(['a', 'b'], 1, 1)).toEqual(['a', 'b']);
  });
});

test.each([
  ['spec.operations[1].weight', 'operations[1].weight'],
  ['operations[1].weight', 'operations[1].weight'],
  ['operations[1].parameters[0].generator', 'operations[1]'],
  ['load.mode', 'load'],
  ['spec.phases.measurement.seconds', 'phases.measurement'],
  ['name', 'name'],
  ['spec', undefined],
  ['nobody.knows[3]', undefined],
  ['', undefined],
])('the violation %s belongs to the field %s', (violation, field) => {
  const known = new Set(['name', 'load', 'phases.measurement', 'operations[1]', 'operations[1].weight']);
  expect(fieldOf(violation, known)).toBe(field);
});
