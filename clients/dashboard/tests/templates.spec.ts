import { accessible, expect, listen, shot, test } from './fixture';
import { template } from './server';

interface Stored {
  version: number;
  spec: { load: { rate: { perSecond: number } }; phases: { measurement: string } };
}

test('a template is edited, and the server says at the field what is wrong', async ({ page, server }) => {
  const trouble = listen(page, server);
  await server.apply(template('edited', 2));
  await page.goto(`${server.url}/templates/default/edited/edit`);

  const rate = page.getByRole('textbox', { name: 'Operations per second' });
  await rate.fill('99000000');
  await page.getByRole('button', { name: 'Save as a new version' }).click();
  // The sentence is the server's, it stands at the field, and the field has the focus.
  const field = page.locator('.field', { has: rate });
  await expect(field.getByRole('alert')).toContainText('10000000');
  await expect(rate).toBeFocused();
  await shot(page, 'edit-field-error');
  await accessible(page);

  await rate.fill('250');
  await page.getByRole('button', { name: 'Save as a new version' }).click();
  await expect(page).toHaveURL(/\/templates\/default\/edited$/);
  const shown: Stored = JSON.parse(await server.cli('template', 'show', 'edited', '--output', 'json'));
  expect(shown.version).toBe(2);
  expect(shown.spec.load.rate.perSecond).toBe(250);
  expect(trouble).toEqual({ errors: [], foreign: [] });
});

test('a template is written as a file, and a mistake has its place', async ({ page, server }) => {
  await page.goto(`${server.url}/templates/new`);
  await page.getByRole('tab', { name: 'File' }).click();
  const text = page.getByRole('textbox', { name: /file|template/i }).first();
  await text.fill(template('written', 2).replace('weight: 70', 'wieght: 70'));
  await expect(page.getByText(/did you mean "weight"/).first()).toBeVisible();
  await shot(page, 'edit-file-fault');
  await accessible(page);
  await text.fill(template('written', 2));
  await expect(page.getByText(/did you mean/)).toHaveCount(0);
  await page.getByRole('button', { name: 'Create' }).click();
  await expect(page).toHaveURL(/\/templates\/default\/written$/);
  await expect(page.getByRole('heading', { level: 1 })).toContainText('written');
});

test('the comments of a file survive, and the form says when it would lose them', async ({ page, server }) => {
  const trouble = listen(page, server);
  const written = `# Why: as the shop does it.\n${template('commented', 2).replace('weight: 70,', 'weight: 70, # most of it\n    ')}`;
  await server.apply(written);
  const stored = (): Promise<string> => server.cli('template', 'show', 'commented', '--output', 'yaml');
  const tab = (name: string) => page.getByRole('tab', { name });
  const text = page.getByRole('textbox', { name: /file|template/i }).first();
  const warning = page.getByText(/^The file has comments/);

  // To the form and back without a change, the text stays as it was written.
  await page.goto(`${server.url}/templates/default/commented/edit`);
  await expect(warning).toBeVisible();
  await tab('File').click();
  await expect(text).toHaveValue(written);
  await tab('Form').click();
  await expect(warning).toBeVisible();
  await shot(page, 'edit-commented');
  await accessible(page);

  // A change there costs the comments; one that is taken back does not.
  const rate = page.getByRole('textbox', { name: 'Operations per second' });
  await rate.fill('250');
  await expect(page.getByText(/^The file is written anew, without its comments/)).toBeVisible();
  await tab('File').click();
  await expect(text).not.toHaveValue(/#/);
  await tab('Form').click();
  await rate.fill('200');
  await tab('File').click();
  await expect(text).toHaveValue(written);

  // What is typed is what is stored.
  const typed = written.replace('as the shop does it', 'as the shop does it at night');
  await text.fill(typed);
  await page.getByRole('button', { name: 'Save as a new version' }).click();
  await expect(page).toHaveURL(/\/templates\/default\/commented$/);
  expect(await stored()).toBe(typed);
  await tab('File').click();
  await expect(page.getByRole('region', { name: 'commented.yaml' })).toContainText('at night');
  await page.getByRole('button', { name: 'Against 1: what changed in version 2' }).click();
  await expect(page.getByText(/only the words of the file differ/)).toBeVisible();
  await shot(page, 'template-commented');
  await accessible(page);
  expect(trouble).toEqual({ errors: [], foreign: [] });
});

test('what somebody else saved meanwhile is not lost', async ({ page, server }) => {
  await server.apply(template('shared', 2));
  await page.goto(`${server.url}/templates/default/shared/edit`);
  const rate = page.getByRole('textbox', { name: 'Operations per second' });
  await rate.fill('300');
  await server.apply(template('shared', 3));
  await page.getByRole('button', { name: 'Save as a new version' }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog).toBeVisible();
  await shot(page, 'edit-conflict');
  await accessible(page);

  // Theirs is what is stored; what was typed is still in the form, and is stored when it is wanted.
  const stored = async (): Promise<Stored> => JSON.parse(await server.cli('template', 'show', 'shared', '--output', 'json'));
  expect(await stored()).toMatchObject({ version: 2, spec: { load: { rate: { perSecond: 200 } }, phases: { measurement: '3s' } } });
  await dialog.getByRole('button', { name: 'Go on editing' }).click();
  await expect(dialog).toBeHidden();
  await expect(rate).toHaveValue('300');
  await page.getByRole('button', { name: 'Save as a new version' }).click();
  await dialog.getByRole('button', { name: 'Save mine as version 3' }).click();
  await expect(page).toHaveURL(/\/templates\/default\/shared$/);
  expect(await stored()).toMatchObject({ version: 3, spec: { load: { rate: { perSecond: 300 } } } });
});
