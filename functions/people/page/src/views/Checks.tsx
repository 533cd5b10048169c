/** Handing in what was written: the checks first, and what they found at its cue. */

import { useState } from 'preact/hooks';
import type { Checked, Finding } from '../api/client';
import type { App } from '../app';
import type { Work } from '../editor/work';
import type { Cues } from '../model/cue';
import { say } from '../words';

interface Props {
  readonly app: App;
  readonly task: string;
  readonly work: Work;
  readonly onDone: () => void;
}

export function Checks({ app, task, work: { editor }, onDone }: Props) {
  const [checked, setChecked] = useState<{ result: Checked; cues: Cues } | null>(null);
  const [trouble, setTrouble] = useState('');
  const [isBusy, setBusy] = useState(false);
  const cues = editor.cues.value;
  const placed = editor.placed.value;
  // What was found of other cues than these are is no permission to hand in.
  const isWarned = checked !== null && checked.cues === cues && checked.result.taken !== null && checked.result.findings.length > 0;
  const run = async (hand_in: boolean): Promise<void> => {
    setBusy(true);
    setTrouble('');
    try {
      const asked = editor.cues.value;
      let result = isWarned && hand_in ? null : await app.api.check(task, { cues: asked });
      const isClean = result === null || (result.taken !== null && result.findings.length === 0);
      if (hand_in && isClean) {
        result = await app.api.submit(task, { cues: asked });
        if (result.taken !== null) {
          onDone();
          return;
        }
      }
      if (result !== null) {
        setChecked({ result, cues: asked });
        editor.place(result.findings, asked);
        const first = result.findings.find(({ level, cue }) => level === 'error' && cue !== null);
        if (hand_in && first?.cue != null) editor.goTo(first.cue - 1);
      }
    } catch (error) {
      setTrouble(app.explain(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <section class="checks" aria-label={say('findings')}>
      <div class="actions">
        <button type="button" disabled={isBusy || editor.isReadOnly.value} onClick={() => void run(false)}>
          {say('check')}
        </button>
        <button type="button" class="main" disabled={isBusy || editor.isReadOnly.value} onClick={() => void run(true)}>
          {say(isWarned ? 'submit_anyway' : 'submit')}
        </button>
      </div>
      {trouble !== '' && <p role="alert">{trouble}</p>}
      <p role="status">{checked !== null && summary(checked.result)}</p>
      {placed !== null && placed.length > 0 && (
        <ul class="findings" tabIndex={0} aria-label={say('findings')}>
          {placed.map(({ finding, cue }, number) => {
            const index = cue === null ? -1 : cues.findIndex(({ id }) => id === cue.id);
            return (
              <li key={number} class={finding.level}>
                <FindingText finding={finding} />
                {index >= 0 && (
                  <button type="button" onClick={() => editor.goTo(index)}>
                    {say('to_cue', { number: index + 1 })}
                  </button>
                )}
              </li>
            );
          })}
        </ul>
      )}
    </section>
  );
}

/** What the checks say on the whole. */
export function summary({ findings, taken }: Checked): string {
  if (taken === null) return say('refused', { count: findings.filter(({ level }) => level === 'error').length });
  return findings.length === 0 ? say('good') : say('warned', { count: findings.length });
}

export function FindingText({ finding: { level, text } }: { finding: Finding }) {
  return (
    <span>
      <b>{say(`finding_${level}`)}:</b> <bdi>{text}</bdi>
    </span>
  );
}
