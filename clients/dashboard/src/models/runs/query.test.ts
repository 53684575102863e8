import { describe, expect, it } from 'vitest';

import { LoadMode, RunStatus, Validity, Verdict } from '../../lib/pb';
import { filtersSet, fromLink, partOf, toFilter } from './query';

const query = (link: string): ReturnType<typeof fromLink> => fromLink(new URLSearchParams(link));

describe('the query of a link', () => {
  it('is nothing for a bare link', () => {
    expect(filtersSet(query(''))).toBe(0);
    expect(query('').order).toBe('created desc');
    expect(toFilter(query(''))).toEqual({
      statuses: [],
      template: '',
      templateVersion: 0,
      nameContains: '',
      labels: {},
      labelKeys: [],
      loadMode: LoadMode.UNSPECIFIED,
      verdicts: [],
      validities: [],
    });
  });

  it('becomes the filter that it names', () => {
    const all = query(
      'status=running,failed&template=demo@3&label=team%3Ddb,nightly&mode=open&q=%20ab%20&verdict=pass&validity=invalid',
    );
    expect(filtersSet(all)).toBe(7);
    expect(toFilter(all)).toEqual({
      statuses: [RunStatus.RUNNING, RunStatus.FAILED],
      template: 'demo',
      templateVersion: 3,
      nameContains: 'ab',
      labels: { team: 'db' },
      labelKeys: ['nightly'],
      loadMode: LoadMode.RATE,
      verdicts: [Verdict.PASS],
      validities: [Validity.INVALID],
    });
  });

  it('takes whole days, the last one with all its hours', () => {
    const at = (day: number): bigint => BigInt(new Date(2026, 2, day).getTime()) * 1_000n;
    expect(toFilter(query('from=2026-03-01&to=2026-03-02')).created).toEqual({ fromUs: at(1), toUs: at(3) });
    expect(toFilter(query('to=2026-03-02')).created).toEqual({ fromUs: 0n, toUs: at(3) });
  });

  it.each(['status=nonsense', 'status=toString', 'mode=both', 'from=yesterday', 'sort=name', 'verdict=,'])(
    'leaves out what is not known: %s',
    (link) => {
      expect(query(link)).toEqual(query(''));
    },
  );

  it('finds the part that a violation is about', () => {
    expect(partOf('filter.labels[a]')).toBe('label');
    expect(partOf('filter.template')).toBe('template');
    expect(partOf('project')).toBeUndefined();
  });
});
