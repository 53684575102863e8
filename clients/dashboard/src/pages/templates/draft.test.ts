import { create } from '@bufbuild/protobuf';
import { Code } from '@gauntlet/client';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { type ParseTemplateResponse, ParseTemplateResponseSchema } from '../../lib/pb';

import { type Author, Draft } from './draft.svelte';
import { away, file, fresh, refusal, server } from './fake';

vi.mock('../../lib/api', async () => (await import('./fake')).api);

beforeEach(() => {
  vi.useFakeTimers();
  fresh();
});
afterEach(() => {
  vi.useRealTimers();
});

async function begun(text = file('mine', 'db'), author: Author = 'person'): Promise<Draft> {
  const draft = new Draft();
  draft.begin(text, author);
  await draft.settle();
  vi.clearAllMocks();
  return draft;
}

/** How often the server was asked to read and to write. */
function asked(): [number, number] {
  return [server.parseTemplate.mock.calls.length, server.formatTemplate.mock.calls.length];
}

describe('what is typed', () => {
  test('is read when the keys rest, once for all of them', async () => {
    const draft = await begun();
    expect([draft.isDirty, draft.isPending, draft.isReadable, draft.name]).toEqual([false, false, true, 'mine']);
    draft.type(file('mine', 'd'));
    await vi.advanceTimersByTimeAsync(300);
    draft.type(file('mine', 'other'));
    await vi.advanceTimersByTimeAsync(300);
    expect([asked(), draft.isDirty, draft.isPending]).toEqual([[0, 0], true, true]);
    await vi.advanceTimersByTimeAsync(200);
    expect([asked(), draft.doc['target'], draft.isPending]).toEqual([[1, 0], 'other', false]);
  });

  test('and cannot be read leaves the form as it was', async () => {
    const draft = await begun();
    draft.type('target: db\n!\n');
    await draft.settle();
    expect([draft.isReadable, draft.complaints, draft.doc['target']]).toEqual([
      false,
      [{ line: 2, column: 1, field: '', message: 'cannot be read' }],
      'db',
    ]);
  });

  test('while an answer was on its way makes that answer old', async () => {
    const draft = await begun();
    let answer: (response: ParseTemplateResponse) => void = () => undefined;
    server.parseTemplate.mockReturnValueOnce(new Promise((resolve) => (answer = resolve)));
    draft.type(file('mine', 'old'));
    const settled = draft.settle();
    draft.type(file('mine', 'new'));
    answer(create(ParseTemplateResponseSchema, { name: 'mine', spec: { target: 'old' } }));
    await settled;
    expect([asked(), draft.doc['target'], draft.text]).toEqual([[2, 0], 'new', file('mine', 'new')]);
  });

  test('back to what is stored is no change', async () => {
    const draft = await begun();
    draft.type(file('mine', 'other'));
    draft.type(file('mine', 'db'));
    expect(draft.isDirty).toBe(false);
  });
});

describe('the form', () => {
  test('writes the text anew, and counts as a change before that', async () => {
    const draft = await begun();
    draft.set('target', 'other');
    expect([draft.isDirty, draft.text]).toEqual([true, file('mine', 'db')]);
    await draft.settle();
    expect([asked(), draft.text, draft.isDirty]).toEqual([[1, 1], file('mine', 'other'), true]);
    draft.saved();
    expect(draft.isDirty).toBe(false);
  });

  test('keeps a name that cannot be written as it is typed', async () => {
    const draft = await begun();
    draft.rename('My test');
    await draft.settle();
    expect(draft.text).toBe(file('"My test"', 'db'));
  });

  test('asks nobody about what cannot be written', async () => {
    const draft = await begun();
    draft.set('seed', 'many');
    await draft.settle();
    expect([asked(), draft.complaints.map(({ field }) => field), draft.isDirty, draft.text]).toEqual([
      [0, 0],
      ['seed'],
      true,
      file('mine', 'db'),
    ]);
    draft.set('seed', '8');
    await draft.settle();
    expect([draft.complaints, draft.text]).toEqual([[], file('mine', 'db', '8')]);
  });
});

describe('a file with comments', () => {
  const WRITTEN = `# why\n${file('mine', 'db')}`;

  test('stays as it was written until the form changes something', async () => {
    const draft = await begun(WRITTEN);
    await draft.settle();
    expect([draft.source, draft.isCommented, draft.isDirty, asked()]).toEqual([WRITTEN, true, false, [0, 0]]);
    draft.set('seed', '8');
    await draft.settle();
    expect([draft.text, draft.source, draft.isCommented]).toEqual([file('mine', 'db', '8'), '', false]);
  });

  test('is there again when the change is taken back', async () => {
    const draft = await begun(WRITTEN);
    draft.set('target', 'other');
    await draft.settle();
    draft.set('target', 'db');
    await draft.settle();
    expect([draft.text, draft.source, draft.isDirty]).toEqual([WRITTEN, WRITTEN, false]);
    draft.rename('yours');
    await draft.settle();
    expect(draft.text).toBe(file('yours', 'db'));
  });

  test('of ours warns of nothing, and is stored', async () => {
    const draft = await begun(WRITTEN, 'starter');
    expect([draft.source, draft.isCommented]).toEqual([WRITTEN, false]);
    draft.type(`${WRITTEN}# mine\n`);
    expect([draft.source, draft.isCommented]).toEqual([`${WRITTEN}# mine\n`, true]);
  });

  test('of the server is nobody\'s', async () => {
    const draft = await begun(file('mine', 'db'), 'server');
    expect(draft.source).toBe('');
    draft.type(WRITTEN);
    expect(draft.source).toBe(WRITTEN);
  });
});

describe('a server', () => {
  test('that is away is asked again until it is back', async () => {
    const draft = await begun();
    server.parseTemplate.mockRejectedValueOnce(away);
    draft.type(file('mine', 'other'));
    await draft.settle();
    expect([draft.failed?.retryable, draft.isPending]).toEqual([true, true]);
    await vi.advanceTimersByTimeAsync(3_000);
    expect([asked(), draft.failed, draft.isPending, draft.doc['target']]).toEqual([[2, 0], undefined, false, 'other']);
  });

  test('that refuses is asked again only about the next change', async () => {
    const draft = await begun();
    server.parseTemplate.mockRejectedValueOnce(refusal(Code.InvalidArgument, 'too long'));
    draft.type(file('mine', 'other'));
    await draft.settle();
    await vi.advanceTimersByTimeAsync(60_000);
    expect([asked(), draft.failed?.message]).toEqual([[1, 0], 'too long']);
    draft.type(file('mine', 'db'));
    await draft.settle();
    expect(draft.failed).toBe(undefined);
  });

  test('is not asked any more after the editor is closed', async () => {
    const draft = await begun();
    draft.type(file('mine', 'other'));
    draft.close();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked()).toEqual([0, 0]);
  });
});

test('what the store refuses stands at its field until the next change', async () => {
  const draft = await begun();
  draft.blame([{ field: 'spec.load.rate', message: 'too much' }]);
  expect(draft.complaints).toEqual([{ line: 0, column: 0, field: 'load.rate', message: 'too much' }]);
  draft.type(file('mine', 'other'));
  await draft.settle();
  expect(draft.complaints).toEqual([]);
});
