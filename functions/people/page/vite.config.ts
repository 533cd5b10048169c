import { defineConfig } from 'vitest/config';

export default defineConfig({
  // The page stands under a path that nobody knows beforehand.
  base: './',
  // Whoever serves the page puts a fresh nonce in its place.
  html: { cspNonce: '__CSP_NONCE__' },
  build: {
    target: 'es2023',
    // Nothing may come out of a `data:` address.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    // `npm run dev` beside the mock of tests/page.
    proxy: { '/api': 'http://127.0.0.1:4790', '/page/config.json': 'http://127.0.0.1:4790' },
  },
  test: { include: ['test/**/*.test.ts'] },
});
