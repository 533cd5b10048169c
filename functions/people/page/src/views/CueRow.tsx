/** One cue: its times, speaker and text, and what is wrong with it. Drawn anew only when something of it has changed. */

import { Component, createRef } from 'preact';
import type { Editor, Focus, Placed } from '../editor/editor';
import { rememberCaret } from '../editor/keys';
import type { Cue, Cues } from '../model/cue';
import { type Limit, measure } from '../model/limits';
import { corrected, type Doubt } from '../model/spelling';
import { clock, parseClock } from '../model/time';
import { directionOf, language as pageLanguage, say } from '../words';

interface Props {
  readonly editor: Editor;
  readonly cue: Cue;
  readonly next: Cue | undefined;
  readonly index: number;
  readonly count: number;
  readonly top_px: number;
  readonly limits: readonly Limit[];
  readonly doubts: readonly Doubt[];
  readonly source: Cues | null;
  /** The source cues of the same time. */
  readonly beside: Cues | null;
  readonly language: string;
  readonly sourceLanguage: string;
  readonly direction: 'ltr' | 'rtl';
  readonly isSelected: boolean;
  readonly isPlaying: boolean;
  readonly isReadOnly: boolean;
  readonly focus: Focus | null;
  readonly placed: readonly Placed[] | null;
}

/** Made anew for each render, and equal where what they are made of is. */
const MADE: ReadonlySet<string> = new Set(['beside', 'limits']);

/** A number without what nobody reads. */
function short(number: number): string {
  return Number.isFinite(number) ? String(Math.round(number * 10) / 10) : '∞';
}

export class CueRow extends Component<Props> {
  private readonly text = createRef<HTMLTextAreaElement>();
  private said = pageLanguage.peek();

  override shouldComponentUpdate(next: Props): boolean {
    if (this.said !== pageLanguage.peek()) {
      this.said = pageLanguage.peek();
      return true;
    }
    const now = this.props;
    const names = Object.keys(next) as (keyof Props)[];
    // Limits are the same object as long as the cue and its neighbour are.
    return names.some((name) => !MADE.has(name) && next[name] !== now[name]) || next.limits !== now.limits;
  }

  override componentDidMount(): void {
    if (this.props.focus !== null) this.takeFocus(this.props.focus);
  }

  override componentDidUpdate(before: Props): void {
    const { focus } = this.props;
    if (focus !== null && focus !== before.focus) this.takeFocus(focus);
  }

  private takeFocus({ range }: Focus): void {
    const text = this.text.current;
    if (text === null) return;
    text.focus({ preventScroll: true });
    if (range !== null) text.setSelectionRange(...range);
  }

  override render() {
    const { editor, cue, index, count, top_px, isSelected, isPlaying, isReadOnly, language, direction } = this.props;
    const number = index + 1;
    const details = `details-${cue.id}`;
    const classes = ['cue', isSelected && 'selected', isPlaying && 'playing'].filter(Boolean).join(' ');
    const select = (): void => editor.select(cue.id);
    return (
      <li class={classes} style={{ top: `${top_px}px` }} aria-setsize={count} aria-posinset={number} aria-current={isSelected} onFocusCapture={select}>
        <div class="times" dir="ltr">
          <span class="number">{number}</span>
          <Time label={say('cue_in', { number })} ms={cue.start_ms} isReadOnly={isReadOnly} editor={editor} onChange={(ms) => editor.setIn(cue.id, ms)} />
          <Time label={say('cue_out', { number })} ms={cue.end_ms} isReadOnly={isReadOnly} editor={editor} onChange={(ms) => editor.setOut(cue.id, ms)} />
        </div>
        <div class="said">
          <input
            class="speaker"
            list="speakers"
            dir="auto"
            maxLength={100}
            placeholder={say('speaker')}
            aria-label={say('cue_speaker', { number })}
            value={cue.speaker}
            readOnly={isReadOnly}
            onInput={(event) => editor.name(cue.id, event.currentTarget.value)}
          />
          <textarea
            ref={this.text}
            rows={2}
            lang={language}
            dir={direction}
            spellcheck
            maxLength={2000}
            aria-label={say('cue_text', { number })}
            aria-describedby={details}
            aria-invalid={this.props.limits.some(({ level }) => level === 'error')}
            value={cue.text}
            readOnly={isReadOnly}
            onInput={(event) => editor.type(cue.id, event.currentTarget.value)}
            onBlur={(event) => rememberCaret(event.currentTarget.selectionStart)}
          />
        </div>
        {this.source()}
        {this.details(details)}
      </li>
    );
  }

  private source() {
    const { beside, sourceLanguage } = this.props;
    if (beside === null) return null;
    return (
      <div class="source" lang={sourceLanguage} dir={directionOf(sourceLanguage)} role="group" tabIndex={0} aria-label={say('source')}>
        {beside.map(({ id, text, speaker }) => (
          <p key={id}>
            {speaker !== '' && <b>{speaker}: </b>}
            {text}
          </p>
        ))}
      </div>
    );
  }

  private details(id: string) {
    const { editor, cue, next, limits, doubts, placed, isReadOnly } = this.props;
    const now = measure(cue, next);
    const values = { widest: now.widest, line: editor.rules.max_chars_per_line, speed: short(now.chars_per_second) };
    const said = placed?.filter((one) => one.cue === cue) ?? [];
    return (
      <div class="details" id={id}>
        <span class="measure">
          <span aria-hidden="true">{say('measure', values)}</span>
          <span class="unseen">{say('measure_label', values)}</span>
        </span>
        {doubts.map((doubt) => {
          const word = cue.text.slice(doubt.start, doubt.end);
          return (
            <button
              key={doubt.start}
              type="button"
              class="doubt"
              disabled={isReadOnly}
              onClick={() => {
                editor.type(cue.id, corrected(cue.text, doubt));
                editor.goTo(this.props.index);
              }}
            >
              <span class="unseen">{say('dictionary')}: </span>
              {say('spelling', { word, entry: doubt.entry })}
            </button>
          );
        })}
        {limits.map(({ name, level, is, limit }) => (
          <span key={name} class={level} data-limit={name}>
            {say(name, { is: short(is), limit: short(limit) })}
          </span>
        ))}
        {said.map(({ finding }) => (
          <span key={finding.name + finding.text} class={finding.level} dir="auto" data-finding={finding.name}>
            {finding.text}
          </span>
        ))}
      </div>
    );
  }
}

interface TimeProps {
  readonly label: string;
  readonly ms: number;
  readonly isReadOnly: boolean;
  readonly editor: Editor;
  readonly onChange: (ms: number) => void;
}

/** A time that can be typed; what is none is put back. */
function Time({ label, ms, isReadOnly, editor, onChange }: TimeProps) {
  return (
    <input
      class="time"
      inputMode="decimal"
      aria-label={label}
      value={clock(ms)}
      readOnly={isReadOnly}
      onChange={(event) => {
        const typed = event.currentTarget.value;
        const wanted = parseClock(typed);
        if (wanted === null) editor.announce(say('bad_time', { text: typed }));
        else onChange(wanted);
        event.currentTarget.value = clock(wanted ?? ms);
      }}
    />
  );
}
