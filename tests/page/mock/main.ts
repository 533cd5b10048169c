/** Starts the mock: `npm run mock`, for the tests and for `npm run dev` of the page. */

import { fileURLToPath } from 'node:url';
import { serve, STAGE } from './server';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const port = Number(process.env.PAGE_PORT ?? 4790);
await serve({
  port,
  openapi: process.env.PEOPLE_OPENAPI ?? `${root}/functions/people/openapi.yaml`,
  dist: `${root}/functions/people/page/dist`,
  media: `${process.env.CARGO_TARGET_DIR ?? `${root}/target`}/page`,
});
console.log(`http://127.0.0.1:${port}${STAGE}/`);
