import { accessible, expect, listen, shot, test } from './fixture';
import { template } from './server';

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
  const shown: { version: number; spec: { load: { rate: { perSecond: number } } } } = JSON.parse(
    await server.cli('template', 'show', 'edited', '--output', 'json'),
  );
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
});
