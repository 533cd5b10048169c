/** The people's API, its issuer and its bucket on one port of this machine, strict by `openapi.yaml`. Not for use with real orders. */

import { randomBytes } from 'node:crypto';
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { extname, join } from 'node:path';
import { Contract } from './openapi';
import { Issuer, people } from './issuer';
import { World, type Answer, type Wish } from './world';

/** Where the stack's API stands locally: a path with a sign that wants care. */
export const STAGE = '/_aws/execute-api/mock/$default';
const CLIENT = 'reach-people';
const KINDS: Record<string, string> = { '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.mp4': 'video/mp4' };

interface Settings {
  readonly port: number;
  readonly openapi: string;
  /** The built page. */
  readonly dist: string;
  /** Holds `media-short.mp4` and `media-long.mp4`. */
  readonly media: string;
}

/** Under `npm run dev` the page has another origin than issuer and bucket. */
const ANYWHERE = { 'access-control-allow-origin': '*', 'access-control-allow-methods': 'GET, PUT, POST', 'access-control-allow-headers': '*' };

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

function json(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...ANYWHERE, ...headers });
  response.end(JSON.stringify(body));
}

export function serve({ port, openapi, dist, media }: Settings): Promise<void> {
  const origin = `http://127.0.0.1:${port}`;
  const contract = new Contract(openapi);
  const issuer = new Issuer(`${origin}/oidc`, CLIENT);
  const world = new World();
  /** Requests that were not as `openapi.yaml` says, for the tests to ask for. */
  const faults: string[] = [];

  function page(response: ServerResponse): void {
    const nonce = randomBytes(16).toString('base64');
    // As the function has it.
    const policy = [
      "default-src 'none'",
      `script-src 'self' 'nonce-${nonce}'`,
      `style-src 'self' 'nonce-${nonce}'`,
      "img-src 'self' data:",
      "font-src 'self'",
      `connect-src 'self' ${origin}`,
      `media-src 'self' blob: ${origin}`,
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
    ].join('; ');
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': policy, 'x-content-type-options': 'nosniff' });
    response.end(readFileSync(join(dist, 'index.html'), 'utf8').replaceAll('__CSP_NONCE__', nonce));
  }

  function file(request: IncomingMessage, response: ServerResponse, path: string): void {
    if (!existsSync(path)) return void response.writeHead(404).end();
    const { size } = statSync(path);
    const head = { 'content-type': KINDS[extname(path)] ?? 'application/octet-stream', 'accept-ranges': 'bytes', ...ANYWHERE };
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    if (range === null) {
      response.writeHead(200, { ...head, 'content-length': size });
      createReadStream(path).pipe(response);
      return;
    }
    const [start, end] = [Number(range[1]), range[2] === '' ? size - 1 : Math.min(size - 1, Number(range[2]))];
    response.writeHead(206, { ...head, 'content-length': end - start + 1, 'content-range': `bytes ${start}-${end}/${size}` });
    createReadStream(path, { start, end }).pipe(response);
  }

  async function api(request: IncomingMessage, response: ServerResponse, url: URL, path: string): Promise<void> {
    const raw = await bodyOf(request);
    const method = request.method ?? 'GET';
    const me = issuer.personOf(request.headers.authorization);
    if (me === null) return json(response, 401, { message: 'Unauthorized' });
    const body = raw.length === 0 ? undefined : (JSON.parse(raw.toString()) as Record<string, unknown>);
    const wrong = contract.request(method, path, url.searchParams, request.headers, body);
    if (wrong.length > 0) {
      faults.push(`${method} ${path}: ${wrong.join('; ')}`);
      return json(response, 400, { error: { name: 'BadRequest', text: wrong.join('; ') } });
    }
    const answer = answered(path, method, url, request, body ?? {}, me);
    const bad = contract.answer(method, path, answer.status, answer.body);
    if (bad.length > 0) throw new Error(`the mock's answer to ${method} ${path} is not as openapi.yaml says: ${bad.join('; ')}`);
    json(response, answer.status, answer.body, answer.etag === undefined ? {} : { etag: answer.etag });
  }

  function answered(path: string, method: string, url: URL, request: IncomingMessage, body: Record<string, unknown>, me: (typeof people)[number]): Answer {
    if (path === '/api/me') {
      const knows = (kind: string): string[] => me.groups.filter((group) => group.startsWith(`${kind}.`)).map((group) => group.slice(kind.length + 1));
      const is_supervisor = me.groups.includes('supervisor');
      return { status: 200, body: { ...me, is_supervisor, services: knows('service'), languages: knows('language') } };
    }
    if (path === '/api/orders') return world.list(me, url.searchParams);
    const [, task = '', part = ''] = /^\/api\/orders\/(\d+)(?:\/(\w+))?$/.exec(path) ?? [];
    return world.call(me, task, method, part, request.headers, body, `${origin}/bucket`);
  }

  /** What only tests do: new orders, and a look at what has become of them. */
  async function control(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    const body = await bodyOf(request);
    const task = path.split('/')[2] ?? '';
    if (path === '/orders') return json(response, 200, { task: world.add(JSON.parse(body.toString()) as Wish) });
    if (path.endsWith('/withdraw')) {
      world.withdraw(task);
      return json(response, 200, {});
    }
    if (path === '/faults') return json(response, 200, faults);
    return json(response, 200, { state: world.state(task), draft: world.draftOf(task) });
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', origin);
    const path = decodeURIComponent(url.pathname);
    if (path === '/') return void response.writeHead(302, { location: `${STAGE}/` }).end();
    if (request.method === 'OPTIONS') return void response.writeHead(204, ANYWHERE).end();
    if (path.startsWith('/_mock')) return control(request, response, path.slice('/_mock'.length));
    if (path === '/oidc/.well-known/openid-configuration') return json(response, 200, issuer.discovery());
    if (path === '/oidc/jwks') return json(response, 200, issuer.jwks());
    if (path === '/oidc/token') {
      const tokens = issuer.token(new URLSearchParams((await bodyOf(request)).toString()));
      return tokens === null ? json(response, 400, { error: 'invalid_grant' }) : json(response, 200, tokens);
    }
    if (path === '/oidc/authorize') {
      const answer = issuer.authorize(url.searchParams);
      if ('location' in answer) return void response.writeHead(302, { location: answer.location }).end();
      if ('error' in answer) return json(response, 400, answer);
      response.writeHead(200, { 'content-type': 'text/html' });
      return void response.end(answer.html);
    }
    if (path.startsWith('/bucket/put/') && request.method === 'PUT') {
      const checksum = request.headers['x-amz-checksum-sha256'];
      const status = world.put(path.slice('/bucket/put/'.length), typeof checksum === 'string' ? checksum : undefined, await bodyOf(request));
      return void response.writeHead(status, ANYWHERE).end();
    }
    if (path.startsWith('/bucket/')) return file(request, response, join(media, path.slice('/bucket/'.length).replaceAll('/', '')));
    // `npm run dev` asks for the API without the stage.
    const inner = path.startsWith(STAGE) ? path.slice(STAGE.length) : path;
    if (inner === '/') return page(response);
    if (inner === '/page/config.json') return json(response, 200, { issuer: issuer.address, client_id: CLIENT, api_base: 'api/' });
    if (inner.startsWith('/assets/')) return file(request, response, join(dist, 'assets', inner.slice('/assets/'.length).replaceAll('/', '')));
    if (inner.startsWith('/api/')) return api(request, response, url, inner);
    response.writeHead(404).end();
  }

  return new Promise((resolve) => {
    const server = createServer((request, response) => {
      handle(request, response).catch((error: unknown) => {
        faults.push(String(error));
        json(response, 500, { error: { name: 'Fault', text: String(error) } });
      });
    });
    server.listen(port, '127.0.0.1', resolve);
  });
}
