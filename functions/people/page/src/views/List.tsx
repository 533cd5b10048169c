/** The orders that wait, by due time. */

import { useEffect, useRef, useState } from 'preact/hooks';
import type { ListFilter, OrderSummary, Service } from '../api/client';
import type { App } from '../app';
import { clock } from '../model/time';
import { dateTime, fromNow, say, type Word } from '../words';

const SERVICES: readonly Service[] = [
  'captions',
  'translation',
  'alignment',
  'dubbing',
  'audio-description',
  'extended-audio-description',
  'chaptering',
];
const STATES = ['open', 'mine', 'held'] as const;
/** The list is read anew so often, for deadlines and what others have taken. */
const FRESH_MS = 60_000;
const LANGUAGE = /^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$/;

interface Chosen {
  readonly state: (typeof STATES)[number];
  readonly service: Service | '';
  readonly language: string;
  /** Hours until due; 0 for any. */
  readonly within_h: number;
}

/** Stays as it was chosen while the page is open. */
let lastChosen: Chosen = { state: 'open', service: '', language: '', within_h: 0 };

function filterOf(chosen: Chosen, cursor: string | null): ListFilter {
  return {
    state: chosen.state,
    ...(chosen.service === '' ? {} : { service: chosen.service }),
    ...(LANGUAGE.test(chosen.language) ? { language: chosen.language } : {}),
    ...(chosen.within_h === 0 ? {} : { due_before: Math.floor(Date.now() / 1_000) + chosen.within_h * 3_600 }),
    ...(cursor === null ? {} : { cursor }),
  };
}

interface Shown {
  readonly orders: readonly OrderSummary[];
  readonly next: string | null;
}

export function List({ app }: { app: App }) {
  const [chosen, setChosen] = useState(lastChosen);
  const [shown, setShown] = useState<Shown | null>(null);
  const [trouble, setTrouble] = useState('');
  const asked = useRef(0);
  const isLong = useRef(false);
  const read = async (from: Shown | null): Promise<void> => {
    const turn = (asked.current += 1);
    try {
      const answer = await app.api.orders(filterOf(chosen, from?.next ?? null));
      // An answer to what is no longer asked is dropped.
      if (turn !== asked.current) return;
      setShown({ orders: [...(from?.orders ?? []), ...answer.orders], next: answer.next });
      isLong.current = from !== null;
      setTrouble('');
    } catch (error) {
      if (turn === asked.current) setTrouble(app.explain(error));
    }
  };
  const logins = app.logins.value;
  useEffect(() => {
    lastChosen = chosen;
    void read(null);
    // Who has asked for more of the list is not thrown back to its start.
    const timer = setInterval(() => {
      if (!isLong.current) void read(null);
    }, FRESH_MS);
    return () => clearInterval(timer);
  }, [chosen, logins]);
  const choose = (part: Partial<Chosen>): void => setChosen({ ...chosen, ...part });
  return (
    <div class="list">
      <h1>{say('title')}</h1>
      <p role="status" class="notice">
        {app.notice.value}
      </p>
      <form class="filters" aria-label={say('filters')} onSubmit={(event) => event.preventDefault()}>
        <fieldset class="tabs">
          <legend class="unseen">{say('which')}</legend>
          {STATES.map((state) => (
            <label key={state}>
              <input type="radio" name="state" checked={chosen.state === state} onChange={() => choose({ state })} />
              <span>{say(`state_${state}`)}</span>
            </label>
          ))}
        </fieldset>
        <label>
          {say('service')}
          <select value={chosen.service} onChange={(event) => choose({ service: event.currentTarget.value as Service | '' })}>
            <option value="">{say('any_service')}</option>
            {SERVICES.map((service) => (
              <option key={service} value={service}>
                {say(service)}
              </option>
            ))}
          </select>
        </label>
        <label>
          {say('language_tag')}
          <input
            dir="ltr"
            size={8}
            value={chosen.language}
            pattern={LANGUAGE.source}
            onChange={(event) => choose({ language: event.currentTarget.value.trim() })}
          />
        </label>
        <label>
          {say('due_before')}
          <select value={String(chosen.within_h)} onChange={(event) => choose({ within_h: Number(event.currentTarget.value) })}>
            <option value="0">{say('any_time')}</option>
            <option value="4">{say('hours', { count: 4 })}</option>
            <option value="24">{say('hours', { count: 24 })}</option>
            <option value="72">{say('days', { count: 3 })}</option>
          </select>
        </label>
        <button type="button" onClick={() => void read(null)}>
          {say('refresh')}
        </button>
      </form>
      {trouble !== '' && <p role="alert">{trouble}</p>}
      <p role="status" class="quiet">
        {shown === null ? say('loading') : say('orders_found', { count: shown.orders.length })}
      </p>
      {shown?.orders.length === 0 && <p>{say('none_found')}</p>}
      {shown !== null && shown.orders.length > 0 && <Table orders={shown.orders} />}
      {shown !== null && shown.next !== null && (
        <button type="button" onClick={() => void read(shown)}>
          {say('more')}
        </button>
      )}
    </div>
  );
}

function Table({ orders }: { orders: readonly OrderSummary[] }) {
  const heads: readonly Word[] = ['order', 'service', 'languages', 'due', 'length', 'held_by'];
  return (
    <div class="scrolled" tabIndex={0} role="region" aria-label={say('which')}>
      <table>
        <thead>
          <tr>
            {heads.map((head) => (
              <th key={head} scope="col">
                {say(head)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {orders.map((order) => (
            <Row key={order.task} order={order} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ order }: { order: OrderSummary }) {
  const { source_language: source, target_language: target, holder } = order;
  return (
    <tr>
      <th scope="row">
        <a href={`#/orders/${order.task}`}>
          <bdi>{order.task}</bdi>
        </a>
      </th>
      <td>{say(order.service)}</td>
      <td>
        <bdi title={source.name}>{source.tag}</bdi>
        {target !== null && (
          <>
            {' → '}
            <bdi title={target.name}>{target.tag}</bdi>
          </>
        )}
      </td>
      <td>
        <Due due_epoch_s={order.due_epoch_s} left_s={order.left_s} />
      </td>
      <td>{order.duration_ms !== null && <bdi>{clock(order.duration_ms).replace(/\.\d+$/, '')}</bdi>}</td>
      <td>{holder === null ? <span class="quiet">{say('nobody')}</span> : holder.is_me === true ? say('me') : <bdi>{holder.name}</bdi>}</td>
    </tr>
  );
}

/** When an order is due, and how long that is. */
export function Due({ due_epoch_s, left_s }: { due_epoch_s: number | null; left_s: number | null }) {
  if (due_epoch_s === null || left_s === null) return <span class="quiet">{say('no_due')}</span>;
  const kind = left_s < 0 ? 'late' : left_s < 4 * 3_600 ? 'soon' : undefined;
  return (
    <time class={kind} dateTime={new Date(due_epoch_s * 1_000).toISOString()}>
      {left_s < 0 && <strong>{say('late')} · </strong>}
      {fromNow(left_s)} <small>{dateTime(due_epoch_s)}</small>
    </time>
  );
}
