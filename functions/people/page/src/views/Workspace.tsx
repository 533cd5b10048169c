/** Where the work is done: cues are written, or a file is handed in. */

import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, type Order } from '../api/client';
import type { App } from '../app';
import { openWork, type Work } from '../editor/work';
import { clock } from '../model/time';
import { say } from '../words';
import { Writing } from './Writing';
import { Upload } from './Upload';
import { Player } from './Player';

interface Props {
  readonly app: App;
  readonly order: Order;
  /** The order has gone from this person: what was typed is shown, and changed no more. */
  readonly hasEnded: boolean;
  readonly onEnded: (error: unknown) => void;
  /** Set to what saves the draft now. */
  readonly flush: { current: () => Promise<void> };
}

export function Workspace({ app, order, hasEnded, onEnded, flush }: Props) {
  const [work, setWork] = useState<Work | null>(null);
  const [trouble, setTrouble] = useState('');
  const [attempt, setAttempt] = useState(0);
  const opened = useRef<Work | null>(null);
  const logins = app.logins.value;

  useEffect(() => {
    if (opened.current !== null) {
      // After another login there is nothing to open again, only to save.
      void opened.current.keeper.saveNow();
      return;
    }
    if (hasEnded) return;
    let isCurrent = true;
    const listener = {
      expired: () => (app.isExpired.value = true),
      ended: (error: ApiError) => onEnded(error),
    };
    openWork(app.api, app.me.id, order, listener).then(
      (now) => {
        if (!isCurrent) {
          void now.close();
          return;
        }
        opened.current = now;
        flush.current = () => now.keeper.saveNow();
        setTrouble('');
        setWork(now);
      },
      (error: unknown) => setTrouble(app.explain(error)),
    );
    return () => {
      if (opened.current === null) isCurrent = false;
    };
  }, [logins, attempt, hasEnded]);
  useEffect(
    () => () => {
      flush.current = () => Promise.resolve();
      void opened.current?.close();
      opened.current = null;
    },
    [],
  );
  // Taken again after it had gone: begins anew, with what is on this machine.
  const wasEnded = useRef(false);
  useEffect(() => {
    if (opened.current !== null) opened.current.editor.isReadOnly.value = hasEnded;
    if (hasEnded) wasEnded.current = true;
    else if (wasEnded.current) {
      wasEnded.current = false;
      const old = opened.current;
      opened.current = null;
      setWork(null);
      void Promise.resolve(old?.close()).then(() => setAttempt((now) => now + 1));
    }
  }, [hasEnded]);

  if (trouble !== '')
    return (
      <div>
        <p role="alert">{trouble}</p>
        <button type="button" onClick={() => setAttempt(attempt + 1)}>
          {say('again')}
        </button>
      </div>
    );
  if (work === null) return hasEnded ? null : <p role="status">{say('loading')}</p>;
  return <Ways app={app} order={order} work={work} hasEnded={hasEnded} />;
}

function Ways({ app, order, work, hasEnded }: { app: App; order: Order; work: Work; hasEnded: boolean }) {
  const files = order.accepts.filter((kind) => kind !== 'cues');
  const canWrite = order.accepts.includes('cues');
  const [way, setWay] = useState<'write' | 'upload'>(canWrite ? 'write' : 'upload');
  const done = async (): Promise<void> => {
    await work.keeper.close(true);
    app.go({ name: 'list' }, say('done', { task: order.task }));
  };
  return (
    <div class="work">
      {canWrite && files.length > 0 && (
        <fieldset class="tabs">
          <legend class="unseen">{say('way')}</legend>
          {(['write', 'upload'] as const).map((name) => (
            <label key={name}>
              <input type="radio" name="way" checked={way === name} onChange={() => setWay(name)} />
              <span>{say(name)}</span>
            </label>
          ))}
        </fieldset>
      )}
      <SourceParts work={work} />
      {way === 'write' ? (
        <Writing app={app} order={order} work={work} onDone={() => void done()} />
      ) : (
        <>
          <Player app={app} task={order.task} work={work} language={order.source_language.tag} />
          {!hasEnded && <Upload app={app} task={order.task} kinds={files} onDone={() => void done()} />}
        </>
      )}
    </div>
  );
}

/** What the work is on, beside cues: a text to align, pauses for descriptions. */
function SourceParts({ work: { source, editor } }: { work: Work }) {
  return (
    <>
      {source.text !== null && (
        <details class="brief">
          <summary>{say('source_text')}</summary>
          <p class="text" dir="auto">
            {source.text}
          </p>
        </details>
      )}
      {source.pauses_ms.length > 0 && (
        <details class="brief" open>
          <summary>{say('pauses')}</summary>
          <ul class="pauses">
            {source.pauses_ms.map(([start_ms, end_ms]) => (
              <li key={start_ms}>
                <button type="button" onClick={() => editor.player?.play(start_ms, end_ms)}>
                  <bdi>
                    {clock(start_ms)} – {clock(end_ms)}
                  </bdi>
                </button>
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}
