/** Search and replace over all cues. */

import { useEffect, useRef, useState } from 'preact/hooks';
import type { Editor } from '../editor/editor';
import { type Found, nextFound, type Query, replaceAll, replaceOne, search } from '../model/search';
import { say } from '../words';

export function FindBar({ editor }: { editor: Editor }) {
  const [query, setQuery] = useState<Query>({ text: '', matchCase: false, wholeWords: false });
  const [by, setBy] = useState('');
  const [said, setSaid] = useState('');
  const last = useRef<Found | null>(null);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), []);
  const close = (): void => {
    editor.isFinding.value = false;
    editor.goTo(editor.index());
  };
  const find = (): void => {
    const found = search(editor.cues.value, query);
    const from = last.current ?? { index: Math.max(0, editor.index()), end: 0 };
    const place = nextFound(found, from.index, from.end);
    setSaid(say('found', { count: found.length }));
    last.current = place;
    if (place !== null) editor.goTo(place.index, [place.start, place.end]);
  };
  const replace = (): void => {
    const place = last.current;
    const isThere = place !== null && search(editor.cues.value, query).some(({ index, start }) => index === place.index && start === place.start);
    if (isThere) {
      editor.replaceAll(replaceOne(editor.cues.value, place, by));
      last.current = { ...place, end: place.start + by.length };
    }
    find();
  };
  const replaceEach = (): void => {
    const count = search(editor.cues.value, query).length;
    editor.replaceAll(replaceAll(editor.cues.value, query, by));
    last.current = null;
    setSaid(say('replaced', { count }));
  };
  const ask = (part: Partial<Query>): void => {
    last.current = null;
    setQuery({ ...query, ...part });
  };
  return (
    <form
      class="find"
      role="search"
      aria-label={say('find')}
      onSubmit={(event) => {
        event.preventDefault();
        find();
      }}
      onKeyDown={(event) => {
        if (event.key === 'Escape') close();
      }}
    >
      <label>
        {say('search')}
        <input ref={input} dir="auto" value={query.text} onInput={(event) => ask({ text: event.currentTarget.value })} />
      </label>
      <label>
        {say('replace_by')}
        <input dir="auto" value={by} onInput={(event) => setBy(event.currentTarget.value)} />
      </label>
      <label class="check">
        <input type="checkbox" checked={query.matchCase} onChange={(event) => ask({ matchCase: event.currentTarget.checked })} />
        {say('match_case')}
      </label>
      <label class="check">
        <input type="checkbox" checked={query.wholeWords} onChange={(event) => ask({ wholeWords: event.currentTarget.checked })} />
        {say('whole_words')}
      </label>
      <button type="submit">{say('find_next')}</button>
      <button type="button" onClick={replace}>
        {say('replace_one')}
      </button>
      <button type="button" onClick={replaceEach}>
        {say('replace_all')}
      </button>
      <button type="button" onClick={close}>
        {say('close')}
      </button>
      <span role="status">{said}</span>
    </form>
  );
}
