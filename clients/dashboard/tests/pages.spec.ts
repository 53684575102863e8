import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { accessible, expect, fits, listen, shot, test } from './fixture';
import { template, type Server } from './server';

const SIZES = [
  { width: 1280, height: 900 },
  { width: 390, height: 844 },
];

for (const theme of ['light', 'dark']) {
  for (const size of SIZES) {
    test(`every page at ${size.width} px, ${theme}`, async ({ page, server }) => {
      test.setTimeout(240_000);
      const ids = await twoRuns(server);
      const trouble = listen(page, server);
      await page.setViewportSize(size);
      await page.addInitScript((chosen) => localStorage.setItem('gauntlet.theme', chosen), theme);
      const pages = {
        runs: '/',
        'run-live': `/runs/${ids[0]}?tab=live`,
        'run-report': `/runs/${ids[0]}?tab=report`,
        'run-workers': `/runs/${ids[0]}?tab=workers`,
        'run-logs': `/runs/${ids[0]}?tab=logs`,
        'run-events': `/runs/${ids[0]}?tab=events`,
        'run-template': `/runs/${ids[0]}?tab=template`,
        compare: `/compare?runs=${ids.join(',')}`,
        templates: '/templates',
        template: '/templates/default/first',
        edit: '/templates/default/first/edit',
        targets: '/targets',
        target: '/targets/default/db',
        workers: '/workers',
      };
      for (const [name, path] of Object.entries(pages)) {
        await test.step(name, async () => {
          await page.goto(server.url + path);
          await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
          await expect(page.getByText(/^Loading/)).toHaveCount(0);
          await shot(page, `${name}-${size.width}-${theme}`);
          await fits(page);
          await accessible(page);
        });
      }
      expect(trouble).toEqual({ errors: [], foreign: [] });
    });
  }
}

let made: Promise<string[]> | undefined;

/** Two runs that are over, made once for all. */
function twoRuns(server: Server): Promise<string[]> {
  made ??= (async () => {
    await server.apply(template('first', 2));
    const ids = [];
    for (const name of ['left', 'right']) {
      await server.cli('run', 'first', '--name', name, '--yes');
      const { run }: { run: { runId: string } } = JSON.parse(await server.cli('report', name, '--output', 'json'));
      ids.push(run.runId);
    }
    return ids;
  })();
  return made;
}

test('pages do not shift while they load', async ({ page, server }) => {
  const [id] = await twoRuns(server);
  for (const path of ['/', `/runs/${id}?tab=report`, '/templates', '/workers']) {
    await page.addInitScript(() => {
      const shifts: number[] = [];
      Object.assign(window, { shifts });
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) {
          if ('value' in entry && typeof entry.value === 'number') {
            shifts.push(entry.value);
          }
        }
      }).observe({ type: 'layout-shift', buffered: true });
    });
    await page.goto(server.url + path);
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
    await expect(page.getByText(/^Loading/)).toHaveCount(0);
    const sum = await page.evaluate(() => {
      const shifts: unknown = Reflect.get(window, 'shifts');
      return Array.isArray(shifts) ? shifts.reduce((all: number, one: number) => all + one, 0) : Number.NaN;
    });
    // What is called good: https://web.dev/articles/cls
    expect(sum, path).toBeLessThan(0.1);
  }
});

test('pages that do not exist say so', async ({ page, server }) => {
  await page.goto(`${server.url}/nowhere/at/all`);
  await expect(page.getByRole('heading', { name: 'There is no such page' })).toBeVisible();
  await page.goto(`${server.url}/runs/01900000-0000-7000-8000-000000000000`);
  await expect(page.getByRole('heading', { name: 'There is no such run' })).toBeVisible();
  await page.getByRole('link', { name: 'See all runs' }).click();
  await expect(page.getByRole('heading', { name: 'Runs', level: 1 })).toBeVisible();
});

test('a browser that is offline says so, and goes on by itself', async ({ page, context, server }) => {
  // The code of both pages is there: what is missing then are answers.
  await page.goto(`${server.url}/targets`);
  await expect(page.getByRole('link', { name: 'db', exact: true })).toBeVisible();
  await page.getByRole('link', { name: 'Workers' }).click();
  await expect(page.getByRole('heading', { name: 'Workers', level: 1 })).toBeVisible();
  const banner = page.getByRole('status').filter({ hasText: 'Connection lost.' });
  await expect(banner).toHaveCount(0);

  await context.setOffline(true);
  await page.getByRole('link', { name: 'Targets' }).click();
  await expect(banner).toBeVisible();
  await expect(banner).toContainText('this browser is offline');

  // Nobody does anything.
  await context.setOffline(false);
  await expect(banner).toHaveCount(0);
  await expect(page.getByRole('link', { name: 'db', exact: true })).toBeVisible();
});

test('a page whose code is gone, as after an upgrade, offers to load itself anew', async ({ page, server }) => {
  const gone = '**/assets/WorkersPage-*.js';
  await page.route(gone, (route) => route.fulfill({ status: 404 }));
  await page.goto(server.url);
  await page.getByRole('link', { name: 'Workers' }).click();
  await expect(page.getByRole('heading', { name: 'This page could not be loaded' })).toBeVisible();
  // The other pages are still there.
  await page.getByRole('link', { name: 'Runs' }).click();
  await expect(page.getByRole('heading', { name: 'Runs', level: 1 })).toBeVisible();
  await page.getByRole('link', { name: 'Workers' }).click();
  await page.unroute(gone);
  await page.getByRole('button', { name: 'Load the page anew' }).click();
  await expect(page.getByRole('heading', { name: 'Workers', level: 1 })).toBeVisible();
});

test('a list of runs is turned page by page, and keeps its place', async ({ page, server }) => {
  const trouble = listen(page, server);
  await server.apply(template('paged', 2));
  for (let number = 1; number <= 55; number += 1) {
    await server.prepare('paged', `paged-${number}`);
  }
  const asked: string[] = [];
  page.on('request', (request) => asked.push(...(/RunService\/\w+/.exec(request.url()) ?? [])));
  await page.goto(`${server.url}/?template=paged`);
  const rows = page.getByRole('table', { name: /^Runs/ }).getByRole('row');
  await expect(rows).toHaveCount(51);
  // What a row shows, its load too, comes with the list.
  await expect(rows.nth(50)).toContainText(/(open|closed) ·/);
  await expect.poll(() => asked.slice().sort()).toEqual(['RunService/ListRuns', 'RunService/WatchRuns']);
  await page.getByRole('button', { name: 'Next →' }).first().click();
  await expect(rows).toHaveCount(6);
  await expect(page.getByText('Page 2').first()).toBeVisible();
  await fits(page);
  await accessible(page);
  await shot(page, 'runs-page-2');

  // Whoever comes back, or loads it anew, is where they were, and can go on from there.
  await rows.getByRole('link', { name: 'paged-1', exact: true }).click();
  await expect(page.getByRole('heading', { level: 1 })).toContainText('paged-1');
  await page.goBack();
  await page.reload();
  await expect(page.getByText('Page 2').first()).toBeVisible();
  await page.getByRole('button', { name: '← Back' }).first().click();
  await expect(rows).toHaveCount(51);
  await expect(page.getByText('Page 1').first()).toBeVisible();

  // By its heads it is put into another order, on its first page.
  await page.getByRole('button', { name: 'Next →' }).first().click();
  await page.getByRole('button', { name: 'Started' }).click();
  await expect(page).toHaveURL(/sort=created\+asc/);
  await expect(rows.nth(1)).toContainText('paged-1');
  await expect(page.getByRole('columnheader', { name: 'Started' })).toHaveAttribute('aria-sort', 'ascending');
  expect(trouble).toEqual({ errors: [], foreign: [] });
});

test('the whole dashboard is at most 250 kB', async () => {
  const folder = resolve(import.meta.dirname, '../dist');
  const files = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.gz'));
  const sizes = await Promise.all(files.map(async (name) => (await stat(join(folder, name))).size));
  expect(files.length).toBeGreaterThan(5);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(250_000);
});
