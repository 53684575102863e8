import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';

import { GetMetricsResponseSchema, OperationKind, RunPhase, StatementClass, TemplateSpecSchema } from '../../lib/pb';
import { objectives, percentilesOf, standing, subsetKey, subsets } from './slos';
import { totals } from './totals';

const { POINT_LOOKUP, SQL, UPDATE } = OperationKind;
const max = { seconds: 0n, nanos: 1_000_000 };

const spec = create(TemplateSpecSchema, {
  operations: [
    { name: 'get', kind: POINT_LOOKUP, label: 'web' },
    { name: 'sum', kind: SQL, class: StatementClass.READ },
    { name: 'put', kind: UPDATE, label: 'web' },
  ],
  slos: [
    { name: 'fast', operation: 'get', limit: { case: 'latency', value: { percentile: 99, max } } },
    { limit: { case: 'maxErrorRatio', value: 0.01 } },
    { limit: { case: 'minThroughputPerS', value: 100 }, abortOnFail: true },
    { class: StatementClass.READ, limit: { case: 'latency', value: { percentile: 90, max } } },
    { label: 'web', limit: { case: 'maxErrorRatio', value: 0 } },
  ],
});

const wanted = objectives(spec);

const measured = totals(
  create(GetMetricsResponseSchema, {
    percentiles: [90, 99],
    totals: [
      {
        phase: RunPhase.MEASUREMENT,
        operations: [{ operation: 'get', succeeded: 100n, response: { percentilesUs: [500, 950], maxUs: 980 } }],
        total: { succeeded: 90n, failed: 4n, cut: 1n, dropped: 5n, throughputPerS: 125, response: { percentilesUs: [600, 2_000], maxUs: 3_000 } },
      },
    ],
  }),
).get('MEASUREMENT');

test('objectives name what they limit', () => {
  expect(wanted.map((one) => [one.name, one.about, one.operations])).toEqual([
    ['fast', 'get', ['get']],
    ['at most 1 % failed', 'all operations', []],
    ['at least 100/s', 'all operations', []],
    ['p90 at most 1.00 ms', 'operations that read', ['get', 'sum']],
    ['at most 0 % failed', 'label web', ['get', 'put']],
  ]);
  expect(subsets(wanted)).toEqual([['get', 'sum'], ['get', 'put']]);
  expect(percentilesOf(wanted)).toEqual([99, 90]);
});

test('each stands against its limit', () => {
  const shared = new Map(measured ? [[subsetKey(['get', 'sum']), measured]] : []);
  const found = wanted.map((one) => standing(one, measured, shared));
  expect(found.map((one) => [one.state, one.measured, one.share && Math.round(one.share * 100) / 100])).toEqual([
    ['near', '950 µs', 0.95],
    ['not met', '10 %', 10],
    ['met', '125/s', 0.8],
    // Ten of a hundred have no result: the 90th percentile of all is the slowest of the ninety.
    ['near', '600 µs to 3.00 ms', 3],
    ['no data', '–', undefined],
  ]);
});

test('without data nothing is met', () => {
  expect(wanted.map((one) => standing(one, undefined, new Map()).state)).toEqual(wanted.map(() => 'no data'));
});

test.each([
  // percentile, succeeded, failed, what is known of those that succeeded
  { failed: 1n, measured: '100 µs to 200 µs', state: 'met' },
  { failed: 6n, measured: '100 µs to 5.00 ms', state: 'near' },
  { failed: 200n, measured: 'too many failed', state: 'not met' },
])('$failed that failed count as slower than all others', ({ failed, measured: text, state }) => {
  const [objective] = objectives(
    create(TemplateSpecSchema, { slos: [{ limit: { case: 'latency', value: { percentile: 90, max } } }] }),
  );
  const response = { percentilesUs: [100, 200], maxUs: 5_000 };
  const answer = create(GetMetricsResponseSchema, {
    percentiles: [90, 95],
    totals: [{ phase: RunPhase.MEASUREMENT, operations: [], total: { succeeded: 94n, failed, response } }],
  });
  const found = objective && standing(objective, totals(answer).get('MEASUREMENT'), new Map());
  expect([found?.measured, found?.state]).toEqual([text, state]);
});
