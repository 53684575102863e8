import { Code, GauntletError } from '@gauntlet/client';
import { beforeEach, expect, test, vi } from 'vitest';

import { toasts } from '../../lib/toast.svelte';

import { Draft, storedText } from './draft.svelte';
import { away, file, fresh, refusal, server, template } from './fake';
import { Saving } from './saving.svelte';

vi.mock('../../lib/api', async () => (await import('./fake')).api);

const MINE = { project: 'default', name: 'mine' };

beforeEach(() => {
  vi.useFakeTimers();
  fresh();
  toasts.all.forEach(({ id }) => toasts.close(id));
});

/** An editor of version 1, of which the target was changed to `other`. */
async function edited(): Promise<{ draft: Draft; saving: Saving }> {
  server.getTemplate.mockResolvedValueOnce({ template: template(1, 'db') });
  const draft = new Draft();
  const saving = new Saving(draft);
  saving.base = await storedText(MINE);
  draft.begin(saving.base.text, saving.base.author);
  await draft.settle();
  draft.set('target', 'other');
  return { draft, saving };
}

function said(): string[] {
  return toasts.all.map(({ text }) => text);
}

test('a new template is created where the file says, or in the project that is shown', async () => {
  const draft = new Draft();
  const saving = new Saving(draft);
  draft.begin(file('mine', 'db'), 'starter');
  server.createTemplate.mockResolvedValue({ template: template(1, 'db') });
  expect(await saving.save(undefined, 'shown')).toMatchObject(MINE);
  expect(server.createTemplate.mock.calls[0]?.[0]).toMatchObject({ project: 'shown', name: 'mine', spec: { target: 'db' }, source: file('mine', 'db') });
  draft.move('acme');
  await saving.save(undefined, 'shown');
  expect(server.createTemplate.mock.calls[1]?.[0].project).toBe('acme');
});

test('a file is stored as it was written, and what the form made of it is not', async () => {
  const written = `# why\n${file('mine', 'db')}`;
  server.getTemplate.mockResolvedValueOnce({ template: template(1, 'db', written) });
  const draft = new Draft();
  const saving = new Saving(draft);
  saving.base = await storedText(MINE);
  expect(saving.base).toEqual({ version: 1, etag: 'v1', text: written, author: 'person' });
  draft.begin(saving.base.text, saving.base.author);
  server.updateTemplate.mockResolvedValue({ template: template(2, 'other') });
  const sent = (): (string | undefined)[] => server.updateTemplate.mock.calls.map(([request]) => request.source);

  await saving.save(MINE, 'default');
  draft.type(`${written}# and this\n`);
  await saving.save(MINE, 'default');
  draft.set('target', 'other');
  await saving.save(MINE, 'default');
  expect(sent()).toEqual([written, `${written}# and this\n`, '']);
});

test('what the server wrote is not stored as a file', async () => {
  const { saving } = await edited();
  server.updateTemplate.mockResolvedValue({ template: template(2, 'other') });
  await saving.save(MINE, 'default');
  expect(server.updateTemplate.mock.calls[0]?.[0].source).toBe('');
});

test('a change becomes the next version of what was read', async () => {
  const { draft, saving } = await edited();
  server.updateTemplate.mockResolvedValue({ template: template(2, 'other') });
  expect(await saving.save(MINE, 'default')).toMatchObject(MINE);
  expect(server.updateTemplate.mock.calls[0]?.[0]).toMatchObject({ ...MINE, etag: 'v1', spec: { target: 'other' } });
  expect([draft.isDirty, saving.busy, said()]).toEqual([false, false, ['mine, version 2, is saved.']]);
});

test('what is the same as before is said to be', async () => {
  const { saving } = await edited();
  server.updateTemplate.mockResolvedValue({ template: template(1, 'db') });
  await saving.save(MINE, 'default');
  expect(said()).toEqual(['Nothing has changed: version 1 stays.']);
});

test.each<[string, (draft: Draft) => void, string]>([
  ['cannot be written', (draft) => draft.set('seed', 'many'), 'seed'],
  ['cannot be read', (draft) => draft.type('!\n'), ''],
  ['has another name', (draft) => draft.rename('yours'), 'name'],
  ['is in another project', (draft) => draft.move('acme'), 'project'],
])('what %s is not sent', async (_, change, field) => {
  const { draft, saving } = await edited();
  change(draft);
  expect(await saving.save(MINE, 'default')).toBe(undefined);
  expect([draft.complaints.map((each) => each.field), server.updateTemplate.mock.calls.length, draft.isDirty]).toEqual([[field], 0, true]);
});

test.each<[string, unknown, string[], string | undefined]>([
  ['a field', new GauntletError({ kind: 'refused', message: 'x', violations: [{ field: 'spec.load', message: 'too much' }] }), ['load'], undefined],
  ['the name that exists', refusal(Code.AlreadyExists, 'it exists'), ['name'], undefined],
  ['nothing of the template', refusal(Code.ResourceExhausted, 'no room'), [], 'no room'],
])('a refusal because of %s is shown there', async (_, error, fields, refused) => {
  const { draft, saving } = await edited();
  server.updateTemplate.mockRejectedValue(error);
  expect(await saving.save(MINE, 'default')).toBe(undefined);
  expect([draft.complaints.map(({ field }) => field), saving.refused?.message, draft.isDirty]).toEqual([fields, refused, true]);
});

test('a server that is away loses nothing', async () => {
  const { draft, saving } = await edited();
  server.formatTemplate.mockRejectedValueOnce(away);
  expect(await saving.save(MINE, 'default')).toBe(undefined);
  expect([saving.refused?.retryable, draft.isDirty, saving.busy]).toEqual([true, true, false]);
});

test('a lost race shows theirs; mine can follow it, or go', async () => {
  const { draft, saving } = await edited();
  server.updateTemplate.mockRejectedValueOnce(refusal(Code.Aborted, 'changed meanwhile'));
  server.getTemplate.mockResolvedValue({ template: template(2, 'theirs') });
  expect(await saving.save(MINE, 'default')).toBe(undefined);
  expect([saving.theirs, draft.text]).toEqual([{ version: 2, etag: 'v2', text: file('mine', 'theirs'), author: 'server' }, file('mine', 'other')]);

  server.updateTemplate.mockResolvedValue({ template: template(3, 'other') });
  expect(await saving.overwrite(MINE, 'default')).toMatchObject(MINE);
  expect([server.updateTemplate.mock.calls[1]?.[0].etag, saving.theirs]).toEqual(['v2', undefined]);

  saving.theirs = { version: 4, etag: 'v4', text: file('mine', 'theirs'), author: 'person' };
  saving.takeTheirs();
  await draft.settle();
  expect([draft.text, draft.isDirty, saving.base?.etag]).toEqual([file('mine', 'theirs'), false, 'v4']);
});
