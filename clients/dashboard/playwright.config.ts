import { defineConfig } from '@playwright/test';

// Debian's Chromium is used, and nothing is downloaded; what is kept goes below target/.
const OUT = '../../target/browser';

export default defineConfig({
  testDir: 'tests',
  testMatch: process.env['MEASURE'] ? 'measure.ts' : '*.spec.ts',
  outputDir: `${OUT}/results`,
  // Each test has a server of its own; two at a time would share the processors that measure.
  workers: 1,
  fullyParallel: false,
  timeout: 120_000,
  expect: { timeout: 20_000 },
  forbidOnly: Boolean(process.env['CI']),
  retries: 0,
  reporter: [['list'], ['html', { outputFolder: `${OUT}/report`, open: 'never' }]],
  use: {
    browserName: 'chromium',
    viewport: { width: 1280, height: 900 },
    screenshot: 'only-on-failure',
    trace: 'retain-on-failure',
    launchOptions: {
      executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
});
