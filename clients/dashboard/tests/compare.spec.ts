import { latency, rate } from '../src/lib/format';
import { accessible, expect, listen, shot, test } from './fixture';
import { template } from './server';

interface Compared {
  comparison: { operations: { operation?: string; metrics: { metric: string; values: { value?: number }[] }[] }[] };
}

/** Metrics as the page names them, and as it writes them. */
const SHOWN = [
  ['throughput_per_s', 'Throughput', rate],
  ['response_p50_us', 'Response p50', latency],
  ['response_p99_us', 'Response p99', latency],
] as const;

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
  const { comparison }: Compared = JSON.parse(await server.cli('compare', 'before', 'after', '--output', 'json'));
  expect(comparison.operations.map((one) => one.operation ?? '').toSorted()).toEqual(['', 'insert', 'point-lookup']);
  for (const { operation, metrics } of comparison.operations) {
    const table = page.getByRole('table', { name: `${operation || 'All operations'}: each metric` });
    for (const [metric, name, write] of SHOWN) {
      const values = metrics.find((one) => one.metric === metric)?.values.map((one) => one.value);
      const cells = table.getByRole('row').filter({ has: page.getByRole('rowheader', { name: new RegExp(`^${name}\\b(?!\\.)`) }) }).locator('.value');
      expect(values?.length).toBe(2);
      await expect(cells).toHaveText(values?.map(write) ?? []);
    }
  }

  // The link is permanent.
  await page.reload();
  await expect(page.getByRole('link', { name: 'before' }).first()).toBeVisible();
  expect(trouble).toEqual({ errors: [], foreign: [] });
});
