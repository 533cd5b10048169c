/** The cues in a list of which only what is in sight is drawn; the selected cue always is, so that the focus never falls out of it. */

import { useComputed } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Editor } from '../editor/editor';
import { beside } from '../model/align';
import type { Cues } from '../model/cue';
import { doubtsOf } from '../model/spelling';
import { scrolledTo, windowOf } from '../model/window';
import { say } from '../words';
import { CueRow } from './CueRow';

/** The height of a row, as `.cue` in the style sheet has it. */
const ROW_PX = 116;

interface Props {
  readonly editor: Editor;
  /** What is translated; null where nothing is. */
  readonly source: Cues | null;
  readonly language: string;
  readonly sourceLanguage: string;
  readonly direction: 'ltr' | 'rtl';
}

export function CueList({ editor, source, language, sourceLanguage, direction }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [top_px, setTop] = useState(0);
  const [box_px, setBox] = useState(600);
  const cues = editor.cues.value;
  const selected = editor.selected.value;
  const focus = editor.focus.value;
  const playing = editor.playing.value;
  const isReadOnly = editor.isReadOnly.value;
  // Said once for all rows, and anew only when it changes: the names that were used.
  const speakers = useComputed(() => [...new Set(editor.cues.value.map(({ speaker }) => speaker))].filter((name) => name !== '').join('\n'));

  useEffect(() => {
    if (box.current === null) return;
    const watch = new ResizeObserver(([entry]) => {
      if (entry !== undefined) setBox(entry.contentRect.height);
    });
    watch.observe(box.current);
    return () => watch.disconnect();
  }, []);
  const selectedIndex = cues.findIndex((cue) => cue.id === selected);
  useLayoutEffect(() => {
    if (box.current === null || focus === null || selectedIndex < 0) return;
    const wanted = scrolledTo(selectedIndex, ROW_PX, box.current.clientHeight, box.current.scrollTop);
    if (wanted !== box.current.scrollTop) {
      box.current.scrollTop = wanted;
      setTop(wanted);
    }
  }, [focus]);

  const { first, end } = windowOf(cues.length, ROW_PX, box_px, top_px);
  const shown = Array.from({ length: end - first }, (_, place) => first + place);
  if (selectedIndex >= 0 && selectedIndex < first) shown.unshift(selectedIndex);
  if (selectedIndex >= end) shown.push(selectedIndex);
  return (
    <>
      {/* A click beside the rows changes nothing; the list takes the focus so that it can be scrolled by keys. */}
      <div class={source === null ? 'rows' : 'rows translated'} ref={box} tabIndex={-1} onScroll={(event) => setTop(event.currentTarget.scrollTop)}>
        {cues.length === 0 && <p>{say('no_cues')}</p>}
        <ol aria-label={say('cues')} style={{ height: `${cues.length * ROW_PX}px` }}>
          {shown.map((index) => {
            const cue = cues[index];
            if (cue === undefined) return null;
            return (
              <CueRow
                key={cue.id}
                editor={editor}
                cue={cue}
                next={cues[index + 1]}
                index={index}
                count={cues.length}
                top_px={index * ROW_PX}
                limits={editor.limits(index)}
                doubts={doubtsOf(cue.text, editor.dictionary)}
                source={source}
                beside={source === null ? null : beside(cue, source)}
                language={language}
                sourceLanguage={sourceLanguage}
                direction={direction}
                isSelected={cue.id === selected}
                isPlaying={cue.id === playing}
                isReadOnly={isReadOnly}
                focus={focus !== null && focus.id === cue.id ? focus : null}
                placed={editor.placed.value}
              />
            );
          })}
        </ol>
      </div>
      <datalist id="speakers">
        {speakers.value.split('\n').map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </>
  );
}
