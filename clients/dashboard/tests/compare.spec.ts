import { accessible, expect, listen, shot, test } from './fixture';
import { template } from './server';

test('two runs are chosen in the list and held against each other', async ({ page, server }) => {
  const trouble = listen(page, server);
  await server.apply(template('first', 2));
  await server.cli('run', 'first', '--name', 'before', '--yes');
  await server.cli('run', 'first', '--name', 'after', '--yes');

  await page.goto(server.url);
  await page.getByRole('checkbox', { name: 'Choose before' }).check();
  await page.getByRole('checkbox', { name: 'Choose after' }).check();
  await page.getByRole('button', { name: 'Compare' }).click();

  await expect(page).toHaveURL(/\/compare\?runs=/);
  await expect(page.getByRole('link', { name: 'before' }).first()).toBeVisible();
  await expect(page.getByRole('link', { name: 'after' }).first()).toBeVisible();
  await expect(page.getByRole('img', { name: /percentile/i }).first()).toBeVisible();
  await accessible(page);
  await shot(page, 'compare-chosen');

  // The page says what the command line says.
  const compared = await server.cli('compare', 'before', 'after', '--output', 'json');
  expect(compared).toContain('throughput_per_s');
  await expect(page.getByText(/throughput/i).first()).toBeVisible();

  // The link is permanent.
  await page.reload();
  await expect(page.getByRole('link', { name: 'before' }).first()).toBeVisible();
  expect(trouble).toEqual({ errors: [], foreign: [] });
});
