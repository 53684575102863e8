import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';

import {
  GetMetricsResponseSchema,
  ReportSchema,
  RunPhase,
  RunSchema,
  StatementClass,
  Validity,
  Verdict,
} from '../../lib/pb';
import { askedFor, CURVE, curves, curveTitle } from './curve';
import { reportView } from './report';

const run = create(RunSchema, {
  spec: {
    slos: [
      { limit: { case: 'latency', value: { percentile: 99 } } },
      { limit: { case: 'maxErrorRatio', value: 0.01 } },
      { limit: { case: 'minThroughputPerS', value: 500 } },
    ],
  },
});

describe('a report', () => {
  it('writes each objective in the unit of its limit', () => {
    const report = create(ReportSchema, {
      slos: [
        { name: 'fast', verdict: Verdict.PASS, measured: 4_200, limit: 20_000, operation: 'get' },
        { name: 'sound', verdict: Verdict.FAIL, measured: 0.25, limit: 0.01, class: StatementClass.WRITE },
        { name: 'busy', verdict: Verdict.INCONCLUSIVE, measured: -1, limit: 500, label: 'hot', samplesNeeded: 300n, samples: 200n },
      ],
    });
    const slos = reportView(report, run).slos;
    expect(slos.map(({ measured, limit, scope }) => [measured, limit, scope])).toEqual([
      ['4.20 ms', '20.0 ms', 'get'],
      ['25 %', '1 %', 'writes'],
      ['–', '500/s', 'label hot'],
    ]);
    expect(slos.map((slo) => slo.verdict.text)).toEqual(['PASS', 'FAIL', 'INCONCLUSIVE']);
  });

  it('counts cut and dropped operations as errors', () => {
    const report = create(ReportSchema, { total: { succeeded: 90n, failed: 5n, cut: 3n, dropped: 2n } });
    expect(reportView(report, run).total.errorRatio).toBe(0.1);
  });

  it('without operations has no errors, and no division by nothing', () => {
    expect(reportView(create(ReportSchema, {}), undefined).total.errorRatio).toBe(0);
  });

  it('gives the reasons of an invalid run', () => {
    const report = create(ReportSchema, {
      validity: Validity.INVALID,
      reasons: [{ code: 'RATE_MISSED', message: 'offered 100/s, achieved 50/s' }],
    });
    const view = reportView(report, run);
    expect(view.validity).toEqual({ text: 'INVALID', tone: 'bad' });
    expect(view.reasons).toEqual([{ code: 'RATE_MISSED', message: 'offered 100/s, achieved 50/s' }]);
  });
});

describe('percentile curves', () => {
  const total = (succeeded: bigint) => ({
    phase: RunPhase.MEASUREMENT,
    total: { succeeded, response: { percentilesUs: CURVE.map((percentile) => percentile * 10) } },
    operations: [
      { operation: 'a', succeeded, response: { percentilesUs: CURVE.map(() => 1) } },
      { operation: 'b', succeeded, response: { percentilesUs: CURVE.map(() => 2) } },
    ],
  });

  it('end where a percentile would be the maximum again', () => {
    const response = create(GetMetricsResponseSchema, { percentiles: [...CURVE], totals: [total(1_000n)] });
    const [all, a, b] = curves(response);
    expect(all?.name).toBe('all operations');
    expect(all?.points.at(-1)).toEqual([99.9, 999]);
    expect([a?.name, b?.name]).toEqual(['a', 'b']);
  });

  it('are asked for over the measurement, or the step that a search is reported by', () => {
    const step = (number: number, succeeded: bigint) => ({
      step: number,
      succeeded,
      windowFromUs: BigInt(number * 10_000_000),
      windowToUs: BigInt(number * 10_000_000 + 4_000_000),
    });
    const search = (bestStep: number) => create(ReportSchema, { search: { bestStep, steps: [step(1, 0n), step(2, 5n), step(3, 9n)] } });
    expect(askedFor('id', create(ReportSchema, {}))).toEqual({ runId: 'id', percentiles: CURVE, maxPoints: 1 });
    expect(askedFor('id', undefined)).not.toHaveProperty('range');
    expect(askedFor('id', search(3))).toMatchObject({ range: { fromUs: 30_000_000n, toUs: 34_000_000n }, resolutionUs: 1_000_000n });
    // None passed.
    expect(askedFor('id', search(0))).toMatchObject({ range: { fromUs: 20_000_000n, toUs: 24_000_000n } });
    expect(curveTitle(create(ReportSchema, {}))).toBe('Response time by percentile');
    const title = 'Response time by percentile, in the step that is reported: operations that ended in the step’s window';
    expect(curveTitle(search(3))).toBe(title);
  });

  it('are of the measurement alone', () => {
    const warmup = { ...total(10n), phase: RunPhase.WARMUP };
    expect(curves(create(GetMetricsResponseSchema, { percentiles: [...CURVE], totals: [warmup] }))).toEqual([]);
  });
});
