import type { Page } from '@playwright/test';

import { latency, rate } from '../src/lib/format';
import { accessible, expect, listen, picture, shot, test } from './fixture';
import { failing, template } from './server';

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
  await expect(page.getByRole('heading', { level: 1 })).toContainText('reads');
  await page.getByRole('button', { name: 'Start', exact: true }).click();
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

/** The seconds on the charts: the first, the newest, and how many there are. */
async function drawn(page: Page): Promise<{ firstUs: number; newestUs: number; seconds: number }> {
  const [firstUs, newestUs, seconds] = await page
    .locator('[data-newest-us]')
    .evaluate((live) => ['data-first-us', 'data-newest-us', 'data-seconds'].map((name) => Number(live.getAttribute(name))));
  return { firstUs: firstUs ?? Number.NaN, newestUs: newestUs ?? Number.NaN, seconds: seconds ?? Number.NaN };
}

test('a reload in the middle of a run loses nothing', async ({ page, server }) => {
  const trouble = listen(page, server);
  await server.apply(template('reload', 10));
  const id = await server.begin('reload', 'reloaded');
  await page.goto(`${server.url}/runs/${id}`);
  await expect.poll(async () => (await drawn(page)).seconds).toBeGreaterThanOrEqual(4);
  const before = await drawn(page);

  await page.reload();
  await expect.poll(async () => (await drawn(page)).newestUs).toBeGreaterThan(before.newestUs);
  const after = await drawn(page);
  expect(after.firstUs).toBe(before.firstUs);
  // One for each second from the first on, those before the reload and those of it: no gap.
  for (const { firstUs, newestUs, seconds } of [before, after]) {
    expect(seconds).toBe((newestUs - firstUs) / 1e6 + 1);
  }

  await expect(page.getByRole('main')).toContainText('completed', { timeout: 60_000 });
  // Warmup and measurement, and at most what ended late.
  const all = await drawn(page);
  expect(all.firstUs).toBe(before.firstUs);
  expect(all.seconds).toBe(12);
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

test('a search is told by its step under load, and then as its report judges it', async ({ page, server }) => {
  const trouble = listen(page, server);
  const steps = 'search: {bisect: {}, step: 3s, settle: 200ms, confirm: 3s, max_level: 200}\n';
  await server.apply(template('hunted', 60).replace('per_second: 200', 'per_second: 100') + steps);
  const id = await server.begin('hunted', 'hunted');
  await page.goto(`${server.url}/runs/${id}`);
  const panel = page.getByRole('tabpanel');
  const tile = (name: string) => panel.locator('.tile', { has: page.getByText(name, { exact: true }) }).first().locator('.value');

  await expect(panel.getByRole('heading', { name: /^Objectives so far in step \d, \d+\/s$/ })).toBeVisible();
  await expect(panel).toContainText(/“so far” is in step \d, \d+\/s/);
  await expect(page.getByRole('main')).toContainText('completed', { timeout: 60_000 });
  await expect(panel.getByRole('heading', { name: 'Objectives in the best step, 200/s' })).toBeVisible();
  await expect(panel).toContainText('Over the best step, 200/s.');
  await expect(panel.getByRole('table', { name: /^Each objective/ }).getByRole('row').nth(1)).toContainText(/met|inconclusive/);
  await shot(page, 'search-1280');
  await accessible(page);
  const names = ['Throughput', 'Response p50', 'Response p99'];
  const live = await Promise.all(names.map((name) => tile(name).textContent()));

  // It is what the report says, and the curve is of the same step.
  await page.getByRole('tab', { name: 'Report' }).click();
  await expect(panel.getByRole('img', { name: /^Response time by percentile, in the step/ })).toBeVisible();
  expect(await Promise.all(names.map((name) => tile(name).textContent()))).toEqual(live);
  const { report }: { report: { total: { throughputPerS: number; response: { p99Us: number } } } } = JSON.parse(
    await server.cli('report', 'hunted', '--output', 'json'),
  );
  expect([live[0], live[2]]).toEqual([rate(report.total.throughputPerS), latency(report.total.response.p99Us)]);
  expect(trouble).toEqual({ errors: [], foreign: [] });
});

test('failures are told by class, commands and what is held have a history', async ({ page, server }) => {
  const trouble = listen(page, server);
  await server.apply(failing('failing', 60));
  const id = await server.begin('failing', 'failing');
  await page.goto(`${server.url}/runs/${id}`);
  const legend = (name: string) => page.getByRole('list', { name: `Legend of ${name}`, exact: true });

  await expect(legend('Failed per second by class')).toContainText(/constraint\s*[1-9]/);
  await expect(page.getByRole('table', { name: /^Failures by operation/ })).toContainText('constraint');
  await page.getByRole('checkbox', { name: 'by operation' }).check();
  await expect(page).toHaveURL(/errors=operation/);
  await expect(legend('Failed per second by operation')).toContainText(/twice\s*[1-9]/);

  await server.cli('adjust', 'failing', '--rate', '120');
  await expect(legend('Throughput')).toContainText(/offered\s*120\/s/);

  // What came before the page was opened is there: the cursor is put on it.
  await page.reload();
  await expect(legend('Failed per second by operation')).toContainText(/twice\s*[1-9]/);
  const plot = page.getByRole('img', { name: 'In flight and backlog' });
  await plot.scrollIntoViewIfNeeded();
  await plot.hover({ position: { x: 110, y: 120 } });
  await expect(legend('In flight and backlog')).toContainText(/in flight\s*\d+\s*due, not sent\s*\d+/);
  await shot(page, 'failing-1280');
  await accessible(page);

  // Which worker began how much later is told while the run goes on.
  await page.getByRole('tab', { name: 'Workers' }).click();
  await expect(page.getByText(/^2 of 2 ready/)).toContainText('first operations within');
  await expect(page.getByRole('cell', { name: /^\+\d/ })).toHaveCount(2);
  await page.getByRole('tab', { name: 'Report' }).click();
  await expect(page.getByRole('heading', { name: 'There is no report' })).toBeVisible();
  await page.getByRole('tab', { name: 'Workers' }).click();
  await server.cli('stop', 'failing');
  await expect(page.getByText(/^The run is over/)).toContainText('first operations within');
  expect(trouble).toEqual({ errors: [], foreign: [] });
});
