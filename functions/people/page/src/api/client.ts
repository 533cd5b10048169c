/** The API as the page calls it: typed by `openapi.yaml`, with every way a call can fail as one kind of error. */

import createClient, { type Client } from 'openapi-fetch';
import { type Cue, type Cues, newId, ordered } from '../model/cue';
import type { Rules } from '../model/limits';
import type { components, paths } from './schema';

type Schemas = components['schemas'];
export type Me = Schemas['Me'];
export type Order = Schemas['Order'];
export type OrderSummary = Schemas['OrderSummary'];
export type OrderList = Schemas['OrderList'];
export type Finding = Schemas['Finding'];
export type Checked = Schemas['Checked'];
export type Service = Schemas['Service'];
export type Submission = Schemas['Submission'];
export type PageConfig = Schemas['PageConfig'];
export type ListFilter = NonNullable<paths['/api/orders']['get']['parameters']['query']>;

/** What went wrong, by what a person can do about it. */
export type ErrorKind =
  /** The network or what is behind it: passes. */
  | 'offline'
  /** Log in again. */
  | 'expired'
  /** This person may not. */
  | 'forbidden'
  | 'missing'
  /** Another person holds the order, or nobody does. */
  | 'held'
  /** The order has ended: withdrawn, handed in, or otherwise. */
  | 'gone'
  /** A fault of the page or of the API. */
  | 'fault';

export class ApiError extends Error {
  constructor(
    readonly kind: ErrorKind,
    /** The API's stable name; empty where it had none. */
    readonly code: string,
    /** For people, in the API's language. */
    text: string,
    /** Who holds the order, where another does. */
    readonly holder: string | null = null,
  ) {
    super(text);
    this.name = 'ApiError';
  }
}

/** A draft as it is at the API. */
export interface Draft {
  readonly cues: Cues;
  /** Null where nobody has saved one yet. */
  readonly etag: string | null;
  readonly origin: Schemas['Draft']['origin'];
}

export type SaveResult =
  | { readonly kind: 'saved'; readonly etag: string; readonly held_until_epoch_s: number }
  | { readonly kind: 'stale'; readonly draft: Draft };

export interface Media {
  readonly url: string;
  /** How long the link is good, from when it came; by the API's clock, since a person's may be wrong. */
  readonly good_for_ms: number;
  readonly has_picture: boolean;
  readonly duration_ms: number | null;
}

export interface Source {
  readonly cues: Cues;
  readonly text: string | null;
  readonly pauses_ms: readonly (readonly [number, number])[];
}

export interface Peaks {
  readonly peaks_per_s: number;
  readonly peaks: Float32Array;
}

/** A call without an answer for so long has failed. API Gateway says so after 30 s by itself. */
const PATIENCE_MS = 35_000;
/** An answer of these says that something behind the API has failed and may pass. */
const PASSING = new Set([429, 500, 502, 503, 504]);

/** Cues as the page has them: each with an id of its own, by time. */
function readCues(cues: readonly Schemas['Cue'][]): Cues {
  const seen = new Set<string>();
  const read = cues.map(({ id, start_ms, end_ms, text, speaker }): Cue => {
    const own = seen.has(id) ? newId() : id;
    seen.add(own);
    return { id: own, start_ms, end_ms, text, speaker: speaker ?? '' };
  });
  return ordered(read);
}

function writeCues(cues: Cues): Schemas['Cue'][] {
  return cues.map(({ id, start_ms, end_ms, text, speaker }) => ({ id, start_ms, end_ms, text, speaker: speaker || null }));
}

/** The rules of an order, as limits are judged by. */
export function rulesOf(order: Order, media_ms: number | null): Rules {
  const { rules } = order;
  return {
    max_chars_per_line: rules.max_characters_per_line,
    max_lines: rules.max_lines,
    min_ms: rules.min_cue_ms,
    max_ms: rules.max_cue_ms,
    gap_ms: rules.min_gap_ms,
    max_chars_per_second: rules.max_characters_per_second,
    media_ms: order.duration_ms ?? media_ms,
  };
}

interface Answer<T> {
  readonly data?: T;
  readonly error?: unknown;
  readonly response: Response;
}

/** What a call gave, or the error that it failed with. */
function take<T>({ data, error, response }: Answer<T>): T {
  if (response.ok && data !== undefined) return data;
  throw failure(response.status, error);
}

function failure(status: number, body: unknown): ApiError {
  const problem = isProblem(body) ? body : null;
  const code = problem?.error.name ?? '';
  const text = problem?.error.text ?? `HTTP ${status}`;
  switch (status) {
    case 401:
      return new ApiError('expired', code, text);
    case 403:
      return new ApiError('forbidden', code, text);
    case 404:
      return new ApiError('missing', code, text);
    case 409:
      return new ApiError('held', code, text, problem?.holder?.name ?? null);
    case 410:
      return new ApiError('gone', code, text);
    default:
      return new ApiError(PASSING.has(status) ? 'offline' : 'fault', code, text);
  }
}

function isProblem(body: unknown): body is Schemas['Problem'] {
  return typeof body === 'object' && body !== null && 'error' in body && typeof body.error === 'object' && body.error !== null;
}

/** Where a token comes from, and whether another one can be had without a person. */
export interface Tokens {
  token(): string | null;
  renew(): Promise<boolean>;
}

export class Api {
  private readonly client: Client<paths>;

  /** `root` is the page's own address, under which `api/` is. */
  constructor(root: URL, tokens: Tokens) {
    const send = async (request: Request): Promise<Response> => {
      request.headers.set('authorization', `Bearer ${tokens.token() ?? ''}`);
      try {
        return await fetch(request, { signal: AbortSignal.timeout(PATIENCE_MS), cache: 'no-store' });
      } catch {
        throw new ApiError('offline', '', 'no connection');
      }
    };
    this.client = createClient<paths>({
      baseUrl: root.href.replace(/\/$/, ''),
      fetch: async (request) => {
        const again = request.clone();
        const response = await send(request);
        return response.status === 401 && (await tokens.renew()) ? send(again) : response;
      },
    });
  }

  async me(): Promise<Me> {
    return take(await this.client.GET('/api/me'));
  }

  async orders(query: ListFilter): Promise<OrderList> {
    return take(await this.client.GET('/api/orders', { params: { query } }));
  }

  async order(task: string): Promise<Order> {
    return take(await this.client.GET('/api/orders/{task}', { params: { path: { task } } }));
  }

  async take(task: string): Promise<Order> {
    return take(await this.client.POST('/api/orders/{task}/take', { params: { path: { task } }, body: {} }));
  }

  async release(task: string): Promise<Order> {
    return take(await this.client.POST('/api/orders/{task}/release', { params: { path: { task } } }));
  }

  async reject(task: string, reason: string): Promise<Order> {
    const body = { reason, ends_order: false };
    return take(await this.client.POST('/api/orders/{task}/reject', { params: { path: { task } }, body }));
  }

  async extend(task: string, until_epoch_s: number): Promise<Order> {
    const body = { until_epoch_s };
    return take(await this.client.POST('/api/orders/{task}/extend', { params: { path: { task } }, body }));
  }

  async draft(task: string): Promise<Draft> {
    const answer = await this.client.GET('/api/orders/{task}/draft', { params: { path: { task } } });
    const { cues, origin } = take(answer);
    return { cues: readCues(cues), origin, etag: answer.response.headers.get('etag') };
  }

  /** Saves a draft that is based on the one of `etag`; null for the first one. */
  async saveDraft(task: string, cues: Cues, etag: string | null): Promise<SaveResult> {
    const header = etag === null ? { 'If-None-Match': '*' as const } : { 'If-Match': etag };
    const answer = await this.client.PUT('/api/orders/{task}/draft', {
      params: { path: { task }, header },
      body: { cues: writeCues(cues) },
    });
    if (answer.response.status === 412 && answer.error !== undefined && 'draft' in answer.error) {
      const { cues: theirs, origin } = answer.error.draft;
      return { kind: 'stale', draft: { cues: readCues(theirs), origin, etag: answer.response.headers.get('etag') } };
    }
    const { held_until_epoch_s } = take(answer);
    const now = answer.response.headers.get('etag');
    if (now === null) throw new ApiError('fault', '', 'the draft was saved without an ETag');
    return { kind: 'saved', etag: now, held_until_epoch_s };
  }

  async media(task: string): Promise<Media> {
    const answer = await this.client.GET('/api/orders/{task}/media', { params: { path: { task } } });
    const { url, has_picture, expires_epoch_s, duration_ms = null } = take(answer);
    const sent_ms = Date.parse(answer.response.headers.get('date') ?? '');
    const now_ms = Number.isNaN(sent_ms) ? Date.now() : sent_ms;
    return { url, has_picture, duration_ms, good_for_ms: expires_epoch_s * 1_000 - now_ms };
  }

  /** The waveform; null where the stack has none. */
  async peaks(task: string): Promise<Peaks | null> {
    const answer = await this.client.GET('/api/orders/{task}/peaks', { params: { path: { task } } });
    if (answer.response.status === 404) return null;
    const { peaks_per_s, peaks } = take(answer);
    return { peaks_per_s, peaks: Float32Array.from(peaks, (peak) => peak / 255) };
  }

  async source(task: string): Promise<Source> {
    const { cues, text, pauses_ms } = take(
      await this.client.GET('/api/orders/{task}/source', { params: { path: { task } } }),
    );
    return { cues: readCues(cues), text, pauses_ms: pauses_ms.map(([start_ms = 0, end_ms = 0]) => [start_ms, end_ms]) };
  }

  async beginFile(task: string, file: { name: string; size_bytes: number; sha256: string }): Promise<{
    url: string;
    headers: Record<string, string>;
    key: string;
  }> {
    return take(await this.client.POST('/api/orders/{task}/files', { params: { path: { task } }, body: file }));
  }

  /** What would be said of cues, or of the file at a key. */
  async check(task: string, work: { cues: Cues } | { key: string }): Promise<Checked> {
    const body = 'cues' in work ? { cues: writeCues(work.cues) } : work;
    return take(await this.client.POST('/api/orders/{task}/check', { params: { path: { task } }, body }));
  }

  /** Hands in. Refused work has `taken` null. */
  async submit(task: string, work: { cues: Cues } | { key: string }): Promise<Checked> {
    const body = 'cues' in work ? { cues: writeCues(work.cues) } : work;
    const answer = await this.client.POST('/api/orders/{task}/submit', { params: { path: { task } }, body });
    if (answer.response.status === 422 && answer.error !== undefined && 'findings' in answer.error) return answer.error;
    return take(answer);
  }
}
