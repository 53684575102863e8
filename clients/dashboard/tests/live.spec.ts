import { accessible, expect, listen, picture, shot, test } from './fixture';
import { template } from './server';

interface Reported {
  report: {
    measuredUs: string;
    total: { succeeded: string };
    reconciliations: { counted: string; found: string }[];
  };
}

test('a run is started in the browser and watched to its end', async ({ page, server }) => {
  const trouble = listen(page, server);
  await server.apply(template('reads', 8));

  await page.goto(`${server.url}/templates`);
  await page.getByRole('link', { name: 'reads', exact: true }).click();
  await page.getByRole('button', { name: /^Start/ }).click();
  const dialog = page.getByRole('dialog');
  // What is confirmed is stated: where the load goes, how much, for how long.
  await expect(dialog).toContainText('db');
  await expect(dialog).toContainText('200/s');
  await dialog.getByRole('button', { name: 'Check' }).click();
  for (const box of await dialog.getByRole('checkbox').all()) {
    await box.check();
  }
  await accessible(page);
  await dialog.getByRole('button', { name: 'Start the load' }).click();

  await expect(page).toHaveURL(/\/runs\/[0-9a-f-]{36}/);
  const panel = page.getByRole('tabpanel');
  await expect(page.getByRole('img', { name: /throughput/i }).first()).toBeVisible();
  await expect(panel).toContainText(/measurement/i);
  await expect(page.getByRole('main')).toContainText('running');
  await shot(page, 'live-1280');
  // Towards the end the charts have something to show.
  await expect(page.getByText(/load ends in [1-3] s/)).toBeVisible();
  await picture(page, 'live');

  await expect(page.getByRole('main')).toContainText('completed', { timeout: 60_000 });
  await page.getByRole('tab', { name: 'Report' }).click();
  await expect(panel.getByRole('heading', { name: 'Objectives' })).toBeVisible();
  await expect(panel).toContainText(/VALID/);
  await expect(panel.getByRole('rowheader', { name: 'point-lookup' }).first()).toBeVisible();
  await shot(page, 'report-1280');
  await accessible(page);

  // The page says what the command line says.
  const { report }: Reported = JSON.parse(await server.cli('report', '--output', 'json'));
  const succeeded = Number(report.total.succeeded).toLocaleString('en-US');
  await expect(panel.getByRole('row', { name: /^total/ }).getByText(succeeded, { exact: true })).toBeVisible();
  expect(trouble).toEqual({ errors: [], foreign: [] });
});

test('a reload in the middle of a run loses nothing', async ({ page, server }) => {
  const trouble = listen(page, server);
  await server.apply(template('reload', 10));
  const id = await server.begin('reload', 'reloaded');
  await page.goto(`${server.url}/runs/${id}`);
  await expect(page.getByRole('tabpanel')).toContainText(/measurement/i);
  await page.reload();
  await expect(page.getByRole('img', { name: /throughput/i }).first()).toBeVisible();
  await expect(page.getByRole('main')).toContainText('completed', { timeout: 60_000 });
  await page.getByRole('tab', { name: 'Report' }).click();
  await expect(page.getByRole('heading', { name: 'Objectives' })).toBeVisible();
  expect(trouble).toEqual({ errors: [], foreign: [] });
});

test('a server that is killed and started again in the middle of a run loses nothing', async ({ page, server }) => {
  const trouble = listen(page, server);
  await server.apply(template('killed', 12));
  const id = await server.begin('killed', 'killed');
  await page.goto(`${server.url}/runs/${id}`);
  await expect(page.getByRole('tabpanel')).toContainText(/measurement/i);

  await server.kill();
  await expect(page.getByText('Connection lost.')).toBeVisible();
  await shot(page, 'connection-lost');
  await server.serve();
  await expect(page.getByText('Connection lost.')).toBeHidden();
  await expect(page.getByRole('main')).toContainText('completed', { timeout: 60_000 });
  // The workers went on measuring: every second of the measurement is there, and every row.
  const { report }: Reported = JSON.parse(await server.cli('report', 'killed', '--output', 'json'));
  expect(report.measuredUs).toBe('12000000');
  const [counted, found] = (['counted', 'found'] as const).map((key) => report.reconciliations.reduce((sum, one) => sum + Number(one[key]), 0));
  expect(found).toBe(counted);
  expect(trouble.foreign).toEqual([]);
  // The browser itself reports the connections that were refused.
  expect(trouble.errors.filter((text) => !text.includes('net::ERR_') && !text.includes('Failed to fetch'))).toEqual([]);
});
