import { defineConfig } from '@playwright/test';

/** Where the page is. Without one, the mock serves it. */
const base = process.env.PAGE_URL;
const port = process.env.PAGE_PORT ?? '4790';
const target = `${process.env.CARGO_TARGET_DIR ?? '../../target'}/page`;

export default defineConfig({
  testDir: 'cases',
  outputDir: `${target}/results`,
  fullyParallel: true,
  workers: base === undefined ? 2 : 1,
  // What is measured is measured alone.
  projects: [
    { name: 'orders', testIgnore: 'speed.spec.ts' },
    { name: 'speed', testMatch: 'speed.spec.ts', dependencies: ['orders'] },
  ],
  timeout: 30_000,
  expect: { timeout: 5_000 },
  reporter: [['list']],
  use: {
    baseURL: base ?? `http://127.0.0.1:${port}/_aws/execute-api/mock/$default/`,
    browserName: 'chromium',
    launchOptions: { executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--mute-audio'] },
    viewport: { width: 1440, height: 900 },
    locale: 'en-GB',
    screenshot: 'only-on-failure',
  },
  ...(base === undefined
    ? { webServer: { command: 'npx tsx mock/main.ts', url: `http://127.0.0.1:${port}/_aws/execute-api/mock/$default/page/config.json`, reuseExistingServer: false, stdout: 'ignore' as const } }
    : {}),
});
