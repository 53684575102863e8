import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';

import { ComparisonSchema } from '../../lib/pb';
import { chosenRuns, withBaseline } from './chosen';
import { toCsv } from './csv';
import { comparisonView, isMain, metricName, writer } from './view';

const metric = (name: string, higherIsBetter: boolean, values: readonly (number | undefined)[]) => ({
  metric: name,
  higherIsBetter,
  values: values.map((value) => {
    const first = values[0];
    if (value === undefined) {
      return {};
    }
    return first === undefined ? { value } : { value, difference: value - first, ...(first === 0 ? {} : { ratio: value / first }) };
  }),
});

const comparison = create(ComparisonSchema, {
  runs: [
    { runId: 'a', name: 'one' },
    { runId: 'b', name: 'two, "quoted"' },
    { runId: 'c', name: '=three' },
  ],
  operations: [
    { operation: 'read', metrics: [metric('failed', false, [0, 3, undefined])] },
    { operation: '', metrics: [metric('throughput_per_s', true, [100, 90, 100.01]), metric('response_p99_us', false, [1_000, 800, undefined])] },
  ],
  series: [
    { offsetUs: -1_000_000n, values: [{ throughputPerS: 5 }, {}] },
    { offsetUs: 0n, values: [{ throughputPerS: 6, errorRatio: 0 }, { throughputPerS: 7 }, {}] },
  ],
});

describe('a comparison', () => {
  const view = comparisonView(comparison);

  it('puts the total first', () => {
    expect(view.blocks.map((block) => block.operation)).toEqual(['', 'read']);
  });

  it('judges by which way is better', () => {
    const cells = view.blocks.flatMap((block) => block.lines.map((line) => line.cells));
    expect(cells.map((line) => line.map(({ judgement }) => judgement))).toEqual([
      ['none', 'worse', 'same'],
      ['none', 'better', 'none'],
      ['none', 'worse', 'none'],
    ]);
    expect(cells[0]?.[1]).toEqual({ value: 90, text: '90.0/s', change: '−10 %', difference: '−10.0/s', judgement: 'worse' });
    expect(cells[1]?.[1]?.difference).toBe('−200 µs');
    expect(cells[2]?.[1]).toMatchObject({ text: '3', change: '', difference: '+3' });
    expect(cells[2]?.[2]).toMatchObject({ text: '–', difference: '' });
  });

  it('lays the series over one axis', () => {
    expect(view.overlay.x).toEqual([-1, 0]);
    expect(view.overlay.throughput).toEqual([[5, 6], [null, 7], [null, null]]);
    expect(view.overlay.errors[0]).toEqual([null, 0]);
  });

  it('is a table for other programs', () => {
    const lines = toCsv(view).split('\r\n');
    expect(lines[0]).toBe('operation,metric,higher_is_better,run,run_id,value,difference,ratio');
    expect(lines[2]).toBe('total,throughput_per_s,true,"two, ""quoted""",b,90,-10,0.9');
    expect(lines[6]).toBe("total,response_p99_us,false,'=three,c,,,");
    expect(lines[8]).toBe('read,failed,false,"two, ""quoted""",b,3,3,');
  });
});

describe('metrics for people', () => {
  it.each([
    ['throughput_per_s', 'Throughput', '1,500/s', true],
    ['response_p999_us', 'Response p99.9', '1.50 ms', true],
    ['row_throughput_per_s', 'Row throughput', '1,500/s', false],
    ['succeeded', 'Succeeded', '1,500', false],
    ['error_ratio', 'Error ratio', '150000 %', true],
  ])('%s', (name, text, written, main) => {
    expect([metricName(name), writer(name)(1_500), isMain(name)]).toEqual([text, written, main]);
  });
});

describe('the runs of a link', () => {
  it('are at most five, each once; what is no id is left out', () => {
    const [a, b, c, d, e, f] = ['a', 'b', 'c', 'd', 'e', 'f'].map((last) => `01900000-0000-7000-8000-00000000000${last}`);
    expect(chosenRuns(null)).toEqual([]);
    expect(chosenRuns(`${a},${b},, ${a} ,x,${c},${d},${e},${f}`)).toEqual([a, b, c, d, e]);
    expect(withBaseline(['a', 'b', 'c'], 'c')).toEqual(['c', 'a', 'b']);
  });
});
