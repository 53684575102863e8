// Figures that the dashboard is held to, on one machine: `MEASURE=1 scripts/browser.sh`. Prints one JSON object.
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { expect, test } from './fixture';
import { template } from './server';

const LOADS = 10;
const SECONDS = 40;

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

test('measure', async ({ page, server, context }) => {
  test.setTimeout(300_000);

  const paints: number[] = [];
  for (let load = 0; load < LOADS; load += 1) {
    await page.goto(server.url);
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
    const paint = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime);
    paints.push(paint ?? Number.NaN);
  }

  await server.apply(template('measured', SECONDS));
  const id = await server.begin('measured', 'measured');
  await page.goto(`${server.url}/runs/${id}?tab=live`);
  await expect(page.locator('[data-newest-us]')).toBeVisible();
  // A second is over when it begins to be collected: lag counts from its end to the next frame that shows it.
  await page.evaluate(() => {
    const lags: number[] = [];
    Object.assign(window, { lags });
    let newest = '';
    new MutationObserver(() => {
      const now = document.querySelector('[data-newest-us]')?.getAttribute('data-newest-us') ?? '';
      if (now !== newest) {
        newest = now;
        requestAnimationFrame(() => lags.push(Date.now() - (Number(now) / 1_000 + 1_000)));
      }
    }).observe(document.body, { subtree: true, attributes: true, attributeFilter: ['data-newest-us'] });
  });
  const cdp = await context.newCDPSession(page);
  await cdp.send('Performance.enable');
  const busy = async (): Promise<number> => {
    const { metrics } = await cdp.send('Performance.getMetrics');
    return metrics.find((metric) => metric.name === 'TaskDuration')?.value ?? Number.NaN;
  };
  const from = { busy: await busy(), at: Date.now() };
  await expect(page.getByRole('main')).toContainText('completed', { timeout: 120_000 });
  const share = ((await busy()) - from.busy) / ((Date.now() - from.at) / 1_000);
  const lags = await page.evaluate(() => {
    const seen: unknown = Reflect.get(window, 'lags');
    return Array.isArray(seen) ? seen.map(Number) : [];
  });

  const dist = resolve(import.meta.dirname, '../dist');
  const files = (await readdir(dist, { recursive: true })).filter((name) => name.endsWith('.gz'));
  const sizes = await Promise.all(files.map(async (name) => (await stat(join(dist, name))).size));
  console.log(
    JSON.stringify({
      first_contentful_paint_ms: { median: quantile(paints, 0.5), max: Math.max(...paints) },
      second_to_screen_ms: { median: quantile(lags, 0.5), p95: quantile(lags, 0.95), seconds: lags.length },
      core_share_while_live: share,
      bundle_gzip_bytes: sizes.reduce((sum, size) => sum + size, 0),
    }),
  );
});
