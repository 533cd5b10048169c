/** The editor: media, tools, cues, the state of the draft, and the checks. */

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Order } from '../api/client';
import type { App } from '../app';
import { commands, known, press } from '../editor/keys';
import type { Work } from '../editor/work';
import { toVtt } from '../model/vtt';
import { directionOf, say } from '../words';
import { Checks } from './Checks';
import { CueList } from './CueList';
import { Dialog } from './Dialog';
import { FindBar } from './FindBar';
import { Player } from './Player';
import { Stale } from './Stale';

interface Props {
  readonly app: App;
  readonly order: Order;
  readonly work: Work;
  readonly onDone: () => void;
}

export function Writing({ app, order, work, onDone }: Props) {
  const { editor, keeper } = work;
  const [isHelping, setHelping] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const language = (order.target_language ?? order.source_language).tag;
  useEffect(() => {
    const keys = (event: KeyboardEvent): void => {
      // A dialog is nobody's editor.
      if (document.querySelector('dialog[open]') !== null) return;
      if ((event.ctrlKey || event.metaKey) && event.code === 'KeyS') {
        event.preventDefault();
        void keeper.saveNow();
      } else if (press(event, editor)) event.preventDefault();
    };
    document.addEventListener('keydown', keys);
    return () => document.removeEventListener('keydown', keys);
  }, [editor]);
  const source = useMemo(() => (order.service === 'translation' ? work.source.cues : null), [work]);
  return (
    <div class="writing" ref={box}>
      <div class="side">
        <Player app={app} task={order.task} work={work} language={language} />
        <div class="tools" role="group" aria-label={say('tools')}>
          {[...commands, ...known.slice(0, 3)].map(({ word, key, run }) => (
            <button key={word} type="button" title={`${say(word)} (${key})`} onClick={() => run(editor)}>
              {say(word)}
            </button>
          ))}
          <button type="button" onClick={() => setHelping(true)}>
            {say('keys')}
          </button>
        </div>
        <DraftState work={work} task={order.task} />
        <Checks app={app} task={order.task} work={work} onDone={onDone} />
      </div>
      <div class="cues">
        {editor.isFinding.value && <FindBar editor={editor} />}
        <CueList editor={editor} source={source} language={language} sourceLanguage={order.source_language.tag} direction={directionOf(language)} />
      </div>
      <p class="unseen" role="status">
        {editor.spoken.value}
      </p>
      <StaleDrafts work={work} />
      {isHelping && <Keys onClose={() => setHelping(false)} />}
    </div>
  );
}

function StaleDrafts({ work: { editor, keeper } }: { work: Work }) {
  const state = editor.keeping.value;
  if (state.phase !== 'stale') return null;
  const settle = (cues: typeof state.theirs): void => {
    editor.replaceAll(cues);
    void keeper.settle(cues);
  };
  return <Stale base={state.base} mine={editor.cues.value} theirs={state.theirs} onSettle={settle} />;
}

function DraftState({ work: { editor, keeper, origin }, task }: { work: Work; task: string }) {
  const state = editor.keeping.value;
  const text = {
    saved: () => say('saved'),
    unsaved: () => say('unsaved'),
    saving: () => say('saving'),
    offline: () => say('draft_offline'),
    expired: () => say('draft_expired'),
    ended: () => say('draft_ended'),
    stale: () => say('draft_stale'),
    failed: () => say('draft_failed', { text: state.phase === 'failed' ? state.text : '' }),
  }[state.phase]();
  const copy = (): void => {
    const url = URL.createObjectURL(new Blob([toVtt(editor.cues.value)], { type: 'text/vtt' }));
    const link = document.createElement('a');
    [link.href, link.download] = [url, `${task}.vtt`];
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  };
  return (
    <div class="draft">
      {origin === 'restored' && <p class="notice">{say('restored')}</p>}
      {(origin === 'machine' || origin === 'source') && <p class="notice">{say(`origin_${origin}`)}</p>}
      <p role="status" class={`state ${state.phase}`} data-phase={state.phase}>
        {text}
      </p>
      <div class="actions">
        <button type="button" onClick={() => void keeper.saveNow()}>
          {say('save')}
        </button>
        <button type="button" onClick={copy}>
          {say('copy')}
        </button>
      </div>
    </div>
  );
}

function Keys({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title={say('keys')} onClose={onClose}>
      <dl class="keys">
        {[...commands, ...known].map(({ word, key }) => (
          <div key={key}>
            <dt>
              <kbd dir="ltr">{key}</kbd>
            </dt>
            <dd>{say(word)}</dd>
          </div>
        ))}
        <div>
          <dt>
            <kbd dir="ltr">Ctrl+S</kbd>
          </dt>
          <dd>{say('save')}</dd>
        </div>
      </dl>
      <div class="actions">
        <button type="button" class="main" onClick={onClose}>
          {say('close')}
        </button>
      </div>
    </Dialog>
  );
}
