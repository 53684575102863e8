import { clone, create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';

import { LoadSchema, OperationKind, PreflightRunResponseSchema, Severity, SslMode, StatementClass, TargetSchema, TemplateSchema, type Template } from '../../lib/pb';

import { acknowledged, findingsView, hindrance } from './findings';
import { formatLabels, parseLabels } from './labels';
import { addressInWords, planOfTemplate } from './plan';

const TEMPLATE: Template = create(TemplateSchema, {
  name: 't',
  version: 3,
  spec: {
    target: 'db',
    table: 'accounts',
    workers: 2,
    operations: [
      { kind: OperationKind.POINT_LOOKUP, weight: 80 },
      { kind: OperationKind.INSERT, weight: 15, columns: ['k'] },
      { name: 'touch', kind: OperationKind.SQL, class: StatementClass.WRITE, weight: 5, sql: 'UPDATE accounts SET k = 1' },
    ],
    load: { mode: { case: 'rate', value: { perSecond: 1_000, connections: 8 } } },
    phases: { warmup: { seconds: 5n }, measurement: { seconds: 60n } },
    slos: [{ operation: 'point-lookup', limit: { case: 'latency', value: { percentile: 99.9, max: { nanos: 10_000_000 } } } }],
  },
});

describe('a plan', () => {
  test('says what an open loop will send, write and cost', () => {
    const target = create(TargetSchema, {
      address: { case: 'postgres', value: { host: 'db.example', database: 'd', user: 'u', sslMode: SslMode.VERIFY_CA } },
      pricePerHour: 3.6,
    });
    expect(planOfTemplate(TEMPLATE, target)).toEqual({
      template: 't',
      version: 3,
      target: 'db',
      address: 'postgres u@db.example:5432/d?sslmode=verify-ca',
      load: 'open loop: 1,000/s over 8 connections, 2 workers',
      search: '',
      phases: [
        { name: 'warmup', lasts: '5 s', share: 5 / 65 },
        { name: 'measurement', lasts: '1 min', share: 60 / 65 },
      ],
      duration: '1 min 5 s (warmup 5 s, measurement 1 min)',
      operations: 'point-lookup 80\u00a0%, insert 15\u00a0%, touch 5\u00a0%',
      estimate: '65,000 operations',
      writes: 'about 9,750 insert a row; about 3,250 change data by SQL',
      objectives: 'p99.9 at most 10.0 ms (point-lookup)',
      cost: 'about 0.0650 at 3.6 per hour',
    });
  });

  test('of a closed loop has shares where it cannot count', () => {
    const closed = clone(TemplateSchema, TEMPLATE);
    if (closed.spec) {
      closed.spec.load = create(LoadSchema, { mode: { case: 'concurrency', value: { connections: 1 } } });
    }
    const plan = planOfTemplate(closed, undefined);
    expect([plan.estimate, plan.writes, plan.address, plan.cost]).toEqual([
      'as many operations as the target completes',
      '15 % of the operations insert a row; 5 % of the operations change data by SQL',
      '',
      '',
    ]);
  });

  test('knows what only reads', () => {
    const reading = create(TemplateSchema, { spec: { operations: [{ kind: OperationKind.RANGE_SCAN, weight: 100 }] } });
    expect(planOfTemplate(reading, undefined).writes).toBe('nothing: all operations read');
  });

  test('has the path of a file', () => {
    expect(addressInWords(create(TargetSchema, { address: { case: 'sqlite', value: { path: '/data/x.db' } } }))).toBe('sqlite /data/x.db');
  });
});

describe('findings', () => {
  const found = (...severities: Severity[]): ReturnType<typeof findingsView> =>
    findingsView(create(PreflightRunResponseSchema, { findings: severities.map((severity, index) => ({ code: `CODE_${index}`, severity })) }));

  test.each<[string, Severity[], string[], string]>([
    ['none', [], [], ''],
    ['a note and a warning', [Severity.INFO, Severity.WARNING], [], ''],
    ['a severe one', [Severity.SEVERE], [], 'Accept the severe finding to start.'],
    ['a severe one, accepted', [Severity.SEVERE], ['CODE_0'], ''],
    ['two, one accepted', [Severity.SEVERE, Severity.SEVERE], ['CODE_1'], 'Accept the severe finding to start.'],
    ['two', [Severity.SEVERE, Severity.SEVERE], [], 'Accept the 2 severe findings to start.'],
    ['blocking', [Severity.BLOCKING, Severity.SEVERE], ['CODE_0', 'CODE_1'], 'The run cannot start. Do what is recommended, then check again.'],
  ])('%s', (_, severities, accepted, expected) => {
    expect(hindrance(found(...severities), new Set(accepted))).toBe(expected);
  });

  test('that were accepted are sent, others are not', () => {
    const all = found(Severity.SEVERE, Severity.WARNING, Severity.SEVERE);
    expect(acknowledged(all, new Set(['CODE_1', 'CODE_2', 'GONE']))).toEqual(['CODE_2']);
  });
});

describe('labels', () => {
  test.each<[string, ReturnType<typeof parseLabels>]>([
    ['', { ok: true, labels: {} }],
    [' a=b, c = d=e ,\nf=', { ok: true, labels: { a: 'b', c: 'd=e', f: '' } }],
    ['a', { ok: false, message: '"a" is no label; write key=value' }],
    ['=b', { ok: false, message: '"=b" is no label; write key=value' }],
    ['a=1,a=2', { ok: false, message: 'the label a is there twice' }],
  ])('%j', (text, expected) => {
    expect(parseLabels(text)).toEqual(expected);
  });

  test('are written in order', () => {
    expect(formatLabels({ z: '1', a: '' })).toBe('a=, z=1');
  });
});
