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
  await server.cli('stop', 'failing');
  await expect(page.getByText(/^The run is over/)).toContainText('first operations within');
  expect(trouble).toEqual({ errors: [], foreign: [] });
});
