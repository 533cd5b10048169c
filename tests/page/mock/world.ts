/** Orders as the API has them: who holds them, their drafts, and what the checks say. */

import { createHash } from 'node:crypto';
import type { Person } from './issuer';

export interface Cue {
  readonly id: string;
  readonly start_ms: number;
  readonly end_ms: number;
  readonly text: string;
  readonly speaker?: string | null;
}

export interface Wish {
  readonly service: 'captions' | 'translation' | 'audio-description' | 'dubbing';
  readonly source?: string;
  readonly target?: string;
  readonly notes?: string;
  readonly dictionary?: readonly string[];
  readonly due_in_s?: number;
  readonly duration_ms?: number;
  /** What a machine has drafted, or for a translation the customer's captions. */
  readonly cues?: readonly Cue[];
  readonly media?: 'short' | 'long';
  /** So often a check takes longer than an answer may. */
  readonly slow_checks?: number;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly etag?: string;
}

interface Stored {
  readonly task: string;
  readonly wish: Wish;
  readonly ordered_epoch_s: number;
  holder: { person: Person; since_epoch_s: number; until_epoch_s: number } | null;
  draft: { cues: Cue[]; version: number; by: string; at_epoch_s: number } | null;
  ended: 'Withdrawn' | 'HandedIn' | null;
  rejections: { name: string; reason: string; at_epoch_s: number }[];
  rejected_by: Set<string>;
  history: { at_epoch_s: number; name: string; what: string }[];
  files: Map<string, { size: number; sha256: string; content: Buffer | null }>;
  slow_checks: number;
}

const HOLD_S = 8 * 3_600;
const DELIVERABLES = { captions: 'captions', translation: 'captions', 'audio-description': 'script', dubbing: 'sound' } as const;
const ACCEPTS: Record<string, string[]> = {
  captions: ['cues', 'srt', 'vtt', 'dfxp'],
  script: ['cues', 'vtt', 'mp3', 'm4a', 'wav'],
  sound: ['mp3', 'm4a', 'wav'],
};
const NAMES: Record<string, string> = { en: 'English', 'en-US': 'English (American)', he: 'Hebrew', ar: 'Arabic', es: 'Spanish' };
const now_s = (): number => Math.floor(Date.now() / 1_000);
const named = (tag: string): { tag: string; name: string } => ({ tag, name: NAMES[tag] ?? tag });
const problem = (status: number, name: string, text: string, holder?: object): Answer => ({
  status,
  body: { error: { name, text }, ...(holder === undefined ? {} : { holder }) },
});

export class World {
  private readonly orders = new Map<string, Stored>();
  private last = 9_000;

  add(wish: Wish): string {
    this.last += 1;
    const task = String(this.last);
    this.orders.set(task, {
      task,
      wish,
      ordered_epoch_s: now_s(),
      holder: null,
      draft: null,
      ended: null,
      rejections: [],
      rejected_by: new Set(),
      history: [],
      files: new Map(),
      slow_checks: wish.slow_checks ?? 0,
    });
    return task;
  }

  withdraw(task: string): void {
    const order = this.orders.get(task);
    if (order !== undefined) order.ended = 'Withdrawn';
  }

  media(task: string): 'short' | 'long' {
    return this.orders.get(task)?.wish.media ?? 'short';
  }

  draftOf(task: string): readonly Cue[] | null {
    return this.orders.get(task)?.draft?.cues ?? null;
  }

  state(task: string): string {
    const order = this.orders.get(task);
    return order?.ended ?? (order?.holder === null ? 'open' : 'held');
  }

  private holder(order: Stored, me: Person): object | null {
    if (order.holder === null) return null;
    const { person, since_epoch_s, until_epoch_s } = order.holder;
    return { name: person.name, is_me: person.id === me.id, since_epoch_s, until_epoch_s };
  }

  private summary(order: Stored, me: Person) {
    const { service, source = 'en-US', target, due_in_s = 86_400, duration_ms = 20_000 } = order.wish;
    const due_epoch_s = order.ordered_epoch_s + due_in_s;
    return {
      task: order.task,
      service,
      deliverable: DELIVERABLES[service],
      source_language: named(source),
      target_language: target === undefined ? null : named(target),
      due_epoch_s,
      ordered_epoch_s: order.ordered_epoch_s,
      left_s: due_epoch_s - now_s(),
      duration_ms,
      holder: this.holder(order, me),
    };
  }

  private whole(order: Stored, me: Person): Answer {
    const summary = this.summary(order, me);
    const isMine = order.holder?.person.id === me.id;
    const isChief = me.groups.includes('supervisor');
    const can = [
      ...(order.holder === null || isMine ? ['take'] : []),
      ...(order.holder !== null && (isMine || isChief) ? ['release', 'extend', 'reject'] : []),
      ...(isMine ? ['work'] : []),
    ];
    return {
      status: 200,
      body: {
        ...summary,
        now_epoch_s: now_s(),
        notes: order.wish.notes ?? null,
        dictionary: order.wish.dictionary ?? [],
        turn_around_s: 86_400,
        turn_around: '1 day',
        rules: {
          max_characters_per_line: 42,
          max_lines: 2,
          min_cue_ms: 834,
          max_cue_ms: 7_000,
          min_gap_ms: 83,
          max_characters_per_second: 20,
          speaker_labels: true,
          speaker_change_marks: false,
          audio_tags: true,
          remove_profanity: false,
        },
        output_format: summary.deliverable === 'captions' ? 'srt' : null,
        accepts: ACCEPTS[summary.deliverable],
        flavors: { media: [], track: null, clear: null },
        rejections: order.rejections,
        history: order.history,
        can,
      },
    };
  }

  list(me: Person, query: URLSearchParams): Answer {
    const state = query.get('state') ?? 'open';
    const language = query.get('language');
    const before = query.get('due_before');
    const limit = Number(query.get('limit') ?? 50);
    const key = (one: { due_epoch_s: number; task: string }): string => `${String(one.due_epoch_s).padStart(12, '0')}-${one.task}`;
    const speaks = (tag: string | undefined): boolean => language === null || tag === language || tag?.startsWith(`${language}-`) === true;
    const found = [...this.orders.values()]
      .filter((order) => order.ended === null && !order.rejected_by.has(me.id))
      .filter(({ holder }) => (state === 'open' ? holder === null : state === 'mine' ? holder?.person.id === me.id : holder !== null))
      .map((order) => this.summary(order, me))
      .filter(({ service }) => (query.get('service') ?? service) === service)
      .filter((one) => speaks(one.source_language.tag) || speaks(one.target_language?.tag))
      .filter((one) => before === null || one.due_epoch_s < Number(before))
      .toSorted((one, other) => (key(one) < key(other) ? -1 : 1))
      .filter((one) => key(one) > (query.get('cursor') ?? ''));
    const orders = found.slice(0, limit);
    const last = orders.at(-1);
    return { status: 200, body: { orders, next: found.length > limit && last !== undefined ? key(last) : null, now_epoch_s: now_s() } };
  }

  /** One call of an order. `part` is what stands behind its number in the path. */
  call(me: Person, task: string, method: string, part: string, headers: Record<string, unknown>, body: Record<string, unknown>, bucket: string): Answer {
    const order = this.orders.get(task);
    if (order === undefined) return problem(404, 'NotFound', 'there is no such order');
    if (order.ended !== null) return problem(410, order.ended, 'the order has ended');
    if (part === '') return this.whole(order, me);
    const isMine = order.holder?.person.id === me.id;
    const note = (what: string): void => void order.history.push({ at_epoch_s: now_s(), name: me.name, what });
    if (part === 'take') {
      if (order.holder !== null && !isMine) return problem(409, 'HeldByAnother', `${order.holder.person.name} holds this order`, this.holder(order, me) ?? {});
      order.holder = { person: me, since_epoch_s: now_s(), until_epoch_s: now_s() + HOLD_S };
      note('taken');
      return this.whole(order, me);
    }
    if (!isMine && !(me.groups.includes('supervisor') && ['release', 'extend', 'reject'].includes(part))) {
      if (order.holder === null) return problem(409, 'NotHeld', 'nobody holds this order');
      return problem(409, 'HeldByAnother', `${order.holder.person.name} holds this order`, this.holder(order, me) ?? {});
    }
    switch (`${method} ${part}`) {
      case 'POST release':
        order.holder = null;
        note('released');
        return this.whole(order, me);
      case 'POST extend':
        if (order.holder !== null) order.holder.until_epoch_s = Number(body.until_epoch_s);
        note('extended');
        return this.whole(order, me);
      case 'POST reject':
        order.rejections.push({ name: me.name, reason: String(body.reason), at_epoch_s: now_s() });
        order.rejected_by.add(me.id);
        order.holder = null;
        note('rejected');
        return this.whole(order, me);
      case 'GET draft':
        return { status: 200, body: this.draft(order), ...(order.draft === null ? {} : { etag: `"${order.draft.version}"` }) };
      case 'PUT draft':
        return this.save(order, me, headers, body);
      case 'GET media':
        return { status: 200, body: { url: `${bucket}/media-${this.media(task)}.mp4`, expires_epoch_s: now_s() + 300, container: 'mp4', has_picture: true, duration_ms: order.wish.duration_ms ?? 20_000 } };
      case 'GET peaks':
        return { status: 200, body: peaks(order.wish.duration_ms ?? 20_000) };
      case 'GET source': {
        const isScript = order.wish.service === 'audio-description';
        return { status: 200, body: { cues: order.wish.service === 'translation' ? (order.wish.cues ?? []) : [], text: null, pauses_ms: isScript ? [[2_000, 5_000], [9_000, 14_000]] : [] } };
      }
      case 'POST files': {
        const extension = /\.(\w+)$/.exec(String(body.name))?.[1] ?? 'bin';
        const key = `engine/${task}/1/handed-in.${extension}`;
        order.files.set(key, { size: Number(body.size_bytes), sha256: String(body.sha256), content: null });
        const checksum = Buffer.from(String(body.sha256), 'hex').toString('base64');
        return { status: 200, body: { url: `${bucket}/put/${key}`, headers: { 'x-amz-checksum-sha256': checksum }, key, expires_epoch_s: now_s() + 900 } };
      }
      case 'POST check':
      case 'POST submit': {
        if (order.slow_checks > 0) {
          order.slow_checks -= 1;
          return problem(503, 'NotNow', 'not within 30 s');
        }
        const checked = this.check(order, body);
        if (part === 'check') return { status: 200, body: checked };
        if (checked.taken === null) return { status: 422, body: checked };
        order.ended = 'HandedIn';
        return { status: 200, body: checked };
      }
      default:
        return problem(404, 'NotFound', 'there is no such thing');
    }
  }

  /** Takes a file as the bucket would: only the bytes that were announced. */
  put(key: string, checksum: string | undefined, content: Buffer): number {
    const task = key.split('/')[1] ?? '';
    const file = this.orders.get(task)?.files.get(key);
    const sha256 = createHash('sha256').update(content).digest();
    if (file === undefined || checksum !== sha256.toString('base64') || file.sha256 !== sha256.toString('hex')) return 400;
    file.content = content;
    return 200;
  }

  private draft(order: Stored): object {
    const { draft, wish } = order;
    if (draft !== null) return { cues: draft.cues, note: null, origin: 'saved', saved_epoch_s: draft.at_epoch_s, saved_by: draft.by };
    const isTranslation = wish.service === 'translation';
    const cues = (wish.cues ?? []).map((cue) => (isTranslation ? { ...cue, text: '' } : cue));
    return { cues, note: null, origin: cues.length === 0 ? 'empty' : isTranslation ? 'source' : 'machine', saved_epoch_s: null, saved_by: null };
  }

  private save(order: Stored, me: Person, headers: Record<string, unknown>, body: Record<string, unknown>): Answer {
    const base = headers['if-match'];
    const isFirst = headers['if-none-match'] === '*';
    if (base === undefined && !isFirst) return problem(428, 'NoCondition', 'the save says neither If-Match nor If-None-Match');
    const etag = order.draft === null ? null : `"${order.draft.version}"`;
    if (isFirst ? etag !== null : base !== etag) {
      const stale = { error: { name: 'Stale', text: 'another draft was saved since' }, draft: this.draft(order) };
      return { status: 412, body: stale, ...(etag === null ? {} : { etag }) };
    }
    const version = (order.draft?.version ?? 0) + 1;
    order.draft = { cues: body.cues as Cue[], version, by: me.name, at_epoch_s: now_s() };
    return { status: 200, body: { saved_epoch_s: now_s(), held_until_epoch_s: order.holder?.until_epoch_s ?? 0 }, etag: `"${version}"` };
  }

  private check(order: Stored, body: Record<string, unknown>): { findings: object[]; taken: string | null } {
    const findings: { level: string; name: string; text: string; cue: number | null }[] = [];
    if (typeof body.key === 'string') {
      const content = order.files.get(body.key)?.content ?? null;
      if (content === null) findings.push({ level: 'error', name: 'FileMissing', text: 'nothing was put there', cue: null });
      else if (body.key.endsWith('.vtt') && !content.toString().startsWith('WEBVTT')) findings.push({ level: 'error', name: 'TextUnreadable', text: 'no WebVTT', cue: null });
    } else {
      const cues = body.cues as Cue[];
      cues.forEach((cue, index) => {
        const add = (level: string, name: string, text: string): void => void findings.push({ level, name, text: `cue ${index + 1} ${text}`, cue: index + 1 });
        if (cue.text.trim() === '') add('error', 'CueBlank', 'has no text');
        if (cue.end_ms <= cue.start_ms) add('error', 'CueBackwards', 'ends before it begins');
        const next = cues[index + 1];
        if (next !== undefined && next.start_ms < cue.end_ms) add('error', 'CuesOverlap', 'ends after the next begins');
        if (cue.text.split('\n').some((line) => line.length > 42)) add('warning', 'LineTooLong', 'has a line of more than 42 characters');
      });
    }
    const isRefused = findings.some(({ level }) => level === 'error');
    return { findings, taken: isRefused ? null : DELIVERABLES[order.wish.service] };
  }
}

function peaks(duration_ms: number): object {
  const peaks_per_s = 50;
  const count = Math.round((duration_ms / 1_000) * peaks_per_s);
  return { peaks_per_s, peaks: Array.from({ length: count }, (_, place) => Math.round(127 + 127 * Math.sin(place / 9) * Math.sin(place / 130))) };
}
