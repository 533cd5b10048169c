/** One order: what the customer says, what the person may do, and the place to do it. */

import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, type Order } from '../api/client';
import type { App } from '../app';
import { dateTime, say } from '../words';
import { Brief } from './Brief';
import { Dialog } from './Dialog';
import { Due } from './List';
import { Workspace } from './Workspace';

/** An order is looked at so often, for what the customer or a supervisor has done with it. */
const FRESH_MS = 60_000;
const HOLD_S = 8 * 3_600;

export function OrderPage({ app, task }: { app: App; task: string }) {
  const [order, setOrder] = useState<Order | null>(null);
  const [trouble, setTrouble] = useState('');
  const [notice, setNotice] = useState('');
  const [isRejecting, setRejecting] = useState(false);
  /** Whether the order has gone from this person: to another one (it may be taken again), or for good. */
  const [gone, setGone] = useState<'no' | 'lost' | 'for good'>('no');
  const wasWorking = useRef(false);
  /** Saves what is typed; set by the workspace while there is one. */
  const flush = useRef<() => Promise<void>>(() => Promise.resolve());
  const failed = (error: unknown): void => {
    setTrouble(app.explain(error));
    if (!(error instanceof ApiError)) return;
    if (error.kind === 'gone') setGone('for good');
    else if (error.kind === 'held' || error.kind === 'forbidden') setGone('lost');
  };
  const read = async (): Promise<void> => {
    try {
      const now = await app.api.order(task);
      setOrder(now);
      if (now.can.includes('work')) {
        wasWorking.current = true;
        setGone('no');
        setTrouble('');
      } else if (wasWorking.current) {
        // Released by a supervisor, or the time is over: what was typed stays to be seen.
        failed(new ApiError('held', now.holder === null ? 'NotHeld' : 'HeldByAnother', '', now.holder?.name ?? null));
      } else setTrouble('');
    } catch (error) {
      failed(error);
    }
  };
  const logins = app.logins.value;
  useEffect(() => {
    void read();
    const timer = setInterval(() => void read(), FRESH_MS);
    return () => clearInterval(timer);
  }, [logins]);
  const act = async (call: () => Promise<Order>, say_after: (order: Order) => string): Promise<boolean> => {
    try {
      const now = await call();
      setOrder(now);
      wasWorking.current = now.can.includes('work');
      setGone('no');
      setTrouble('');
      setNotice(say_after(now));
      return true;
    } catch (error) {
      setTrouble(app.explain(error));
      return false;
    }
  };
  const hasEnded = gone !== 'no';
  const can = (what: Order['can'][number]): boolean => {
    if (order === null || gone === 'for good') return false;
    return order.can.includes(what) && (gone === 'no' || what === 'take');
  };
  const release = async (): Promise<void> => {
    await flush.current();
    if (await act(() => app.api.release(task), () => '')) app.go({ name: 'list' }, say('released'));
  };
  const reject = async (reason: string): Promise<void> => {
    setRejecting(false);
    await flush.current();
    if (await act(() => app.api.reject(task, reason), () => '')) app.go({ name: 'list' }, say('rejected'));
  };
  const extend = (now: Order): void => {
    const until = Math.max(now.now_epoch_s, now.holder?.until_epoch_s ?? 0) + HOLD_S;
    void act(() => app.api.extend(task, until), (order) => say('extended', { time: dateTime(order.holder?.until_epoch_s ?? until) }));
  };
  return (
    <div class="order">
      <nav>
        <a href="#/">{say('back')}</a>
      </nav>
      {order === null && trouble === '' && <p role="status">{say('loading')}</p>}
      {trouble !== '' && (
        <p role="alert" class="trouble">
          {trouble}
        </p>
      )}
      {order !== null && (
        <>
          <div class="heading">
            <h1>
              {say(order.service)} <bdi>{task}</bdi>
            </h1>
            <Languages order={order} />
            <Due due_epoch_s={order.due_epoch_s} left_s={order.left_s} />
            <Held order={order} />
            <div class="actions">
              {can('take') && (hasEnded || order.holder?.is_me !== true) && (
                <button type="button" class="main" onClick={() => void act(() => app.api.take(task), () => '')}>
                  {say('take')}
                </button>
              )}
              {can('extend') && (
                <button type="button" onClick={() => extend(order)}>
                  {say('extend')}
                </button>
              )}
              {can('release') && (
                <button type="button" onClick={() => void release()}>
                  {say('release')}
                </button>
              )}
              {can('reject') && (
                <button type="button" onClick={() => setRejecting(true)}>
                  {say('reject')}
                </button>
              )}
            </div>
          </div>
          <p role="status" class="notice">
            {notice}
          </p>
          <Brief order={order} />
          {(can('work') || hasEnded) && <Workspace app={app} order={order} hasEnded={hasEnded} onEnded={failed} flush={flush} />}
        </>
      )}
      {isRejecting && <Reject onReject={(reason) => void reject(reason)} onClose={() => setRejecting(false)} />}
    </div>
  );
}

function Languages({ order }: { order: Order }) {
  return (
    <p>
      <bdi>{order.source_language.name}</bdi>
      {order.target_language !== null && (
        <>
          {' → '}
          <bdi>{order.target_language.name}</bdi>
        </>
      )}
    </p>
  );
}

function Held({ order: { holder } }: { order: Order }) {
  if (holder === null) return null;
  return (
    <p class="quiet">
      {say('held_by')} {holder.is_me === true ? say('me') : <bdi>{holder.name}</bdi>}, {say('until', { time: dateTime(holder.until_epoch_s) })}
    </p>
  );
}

function Reject({ onReject, onClose }: { onReject: (reason: string) => void; onClose: () => void }) {
  const [reason, setReason] = useState('');
  return (
    <Dialog title={say('reject_title')} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (reason.trim() !== '') onReject(reason.trim());
        }}
      >
        <p>{say('reject_why')}</p>
        <label>
          {say('reason')}
          <textarea required maxLength={500} rows={4} dir="auto" value={reason} onInput={(event) => setReason(event.currentTarget.value)} />
        </label>
        <div class="actions">
          <button type="submit" class="main">
            {say('reject_do')}
          </button>
          <button type="button" onClick={onClose}>
            {say('cancel')}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
