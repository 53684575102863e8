import AxeBuilder from '@axe-core/playwright';
import { expect, test as base, type Page } from '@playwright/test';
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';

import { Server } from './server';

/** Where screenshots are kept for people to look at. */
const SHOTS = resolve(import.meta.dirname, '../../../target/browser/screenshots');

/** What went wrong in a page beside what the test looks at. */
export interface Trouble {
  /** Errors on the console, and exceptions. */
  errors: string[];
  /** Requests to somewhere else than the server. */
  foreign: string[];
}

/** Listens to a page from its first request on. */
export function listen(page: Page, server: Server): Trouble {
  const trouble: Trouble = { errors: [], foreign: [] };
  page.on('console', (message) => {
    if (message.type() === 'error') {
      trouble.errors.push(message.text());
    }
  });
  page.on('pageerror', (error) => trouble.errors.push(error.message));
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith('http') && url.origin !== server.url) {
      trouble.foreign.push(request.url());
    }
  });
  return trouble;
}

/** One server for the tests of a file. */
export const test = base.extend<object, { server: Server }>({
  server: [
    async ({}, use) => {
      const server = await Server.start();
      await use(server);
      await server.stop();
    },
    { scope: 'worker' },
  ],
});

export { expect };

/** Keeps what the page looks like. */
export async function shot(page: Page, name: string): Promise<void> {
  mkdirSync(SHOTS, { recursive: true });
  await page.screenshot({ path: `${SHOTS}/${name}.png`, fullPage: true });
}

/** The picture of the README, as large as a screen: `UPDATE_IMAGES=1 scripts/browser.sh live`. */
export async function picture(page: Page, name: string): Promise<void> {
  if (process.env['UPDATE_IMAGES']) {
    await page.screenshot({ path: resolve(import.meta.dirname, `../../../docs/images/${name}.png`) });
  }
}

/** Fails on what hinders people who use a keyboard or a screen reader. */
export async function accessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']).analyze();
  const told = violations.map(({ id, help, nodes }) => `${id}: ${help}\n  ${nodes.map((node) => node.html).join('\n  ')}`);
  expect.soft(told).toEqual([]);
}

/** The page itself must not scroll sideways: wide tables scroll within themselves. */
export async function fits(page: Page): Promise<void> {
  const { wide, room } = await page.evaluate(() => ({
    wide: document.documentElement.scrollWidth,
    room: document.documentElement.clientWidth,
  }));
  expect.soft(wide).toBeLessThanOrEqual(room);
}
