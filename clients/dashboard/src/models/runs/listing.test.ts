import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';

import { RunSchema } from '../../lib/pb';
import { changed, confirmed, empty, left, type Listing, listed, MOST_ROWS, overgrown, type Place, type RunPage, settled } from './listing';
import { type RunRow, toRow } from './row';

const run = (createdUs: number, revision = 1): RunRow =>
  toRow(create(RunSchema, { runId: `r${createdUs}`, createdUs: BigInt(createdUs), revision: BigInt(revision) }));

/** A page of the runs 30, 20, 10, with others behind it. */
const page = (times: readonly number[], nextToken = 'more', asOfUs = 50): RunPage => ({ rows: times.map((time) => run(time)), nextToken, asOfUs });
const start = (place: Place = 'newest'): Listing => listed(empty(place), page([30, 20, 10]), false);

const ids = (listing: Listing): string =>
  listing.rows.map((row) => row.run.id + (row.left ? '!' : '')).join(' ') +
  (listing.waiting.length > 0 ? ` + ${listing.waiting.map((one) => one.id).join(' ')}` : '');

describe('a page that follows what happens', () => {
  it('puts a new run where it belongs, or lets it wait while it is held', () => {
    expect(ids(changed(start(), run(60), false))).toBe('r60 r30 r20 r10');
    const held = changed(changed(start(), run(60), true), run(61), true);
    expect(ids(held)).toBe('r30 r20 r10 + r60 r61');
    expect(ids(settled(held))).toBe('r61 r60 r30 r20 r10');
  });

  it('takes a run that now meets the filter between the others', () => {
    expect(ids(changed(start(), run(25), false))).toBe('r30 r25 r20 r10');
    expect(ids(changed(start(), run(5), false))).toBe('r30 r20 r10');
    expect(ids(changed(listed(empty('newest'), page([30], ''), false), run(5), false))).toBe('r30 r5');
  });

  it('never moves the pages of another order', () => {
    expect(ids(changed(start('other'), run(60), false))).toBe('r30 r20 r10 + r60');
    expect(ids(changed(start('other'), run(40), false))).toBe('r30 r20 r10');
    expect(ids(changed(start('older'), run(60), false))).toBe('r30 r20 r10');
  });

  it('keeps the newer of two states of a run', () => {
    const newer = changed(start(), run(20, 7), false);
    const revisions = (listing: Listing): number[] => listing.rows.map((row) => row.run.revision);
    expect(revisions(changed(newer, run(20, 3), false))).toEqual([1, 7, 1]);
    expect(revisions(listed(newer, page([30, 20, 10]), false))).toEqual([1, 7, 1]);
  });

  it('marks what left while it is held, and then lets it go', () => {
    const held = left(start(), 'r20', true);
    expect(ids(held)).toBe('r30 r20! r10');
    expect(ids(settled(held))).toBe('r30 r10');
    expect(ids(left(start(), 'r20', false))).toBe('r30 r10');
    expect(ids(changed(held, run(20, 2), true))).toBe('r30 r20 r10');
  });

  it('does not bring back what left while the page was on its way', () => {
    expect(ids(listed(left(start(), 'r20', false), page([30, 20, 10]), false))).toBe('r30 r10');
  });

  it('does not lose what came while the page was on its way', () => {
    const came = changed(start(), run(60), false);
    expect(ids(listed(came, page([30, 20, 10]), false))).toBe('r60 r30 r20 r10');
    expect(ids(listed(came, page([30, 20, 10], 'more', 70), false))).toBe('r30 r20 r10');
  });

  it('keeps the places of its rows when the page comes anew while it is held', () => {
    expect(ids(listed(start(), page([60, 30, 10], 'more', 70), true))).toBe('r30 r20! r10 + r60');
    expect(ids(listed(start(), page([60, 30, 20], 'more', 70), true))).toBe('r30 r20 r10 + r60');
  });

  it('says when it has grown too much', () => {
    let listing = start();
    for (let at = 0; at < MOST_ROWS; at += 1) {
      listing = changed(listing, run(100 + at), false);
    }
    expect(overgrown(listing)).toBe(true);
    expect(overgrown(listed(listing, page([30, 20, 10], 'more', 9_999), false))).toBe(false);
  });

  it('is confirmed by a snapshot that told all its runs as they are', () => {
    const told = new Set(['r30', 'r20', 'r10', 'r5']);
    expect(confirmed(start(), told)).toBe(true);
    expect(confirmed(start('other'), told)).toBe(false);
    expect(confirmed(start(), new Set(['r30', 'r10']))).toBe(false);
    expect(confirmed(left(start(), 'r20', true), told)).toBe(false);
    expect(confirmed(changed(start(), run(60), true), told)).toBe(false);
    expect(confirmed(empty('newest'), new Set())).toBe(true);
  });
});
