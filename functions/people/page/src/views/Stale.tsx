/** Two drafts of one order, side by side, cue by cue. */

import { useMemo, useState } from 'preact/hooks';
import { differences, resolve, type Side } from '../model/conflict';
import type { Cue, Cues } from '../model/cue';
import { clock } from '../model/time';
import { say } from '../words';
import { Dialog } from './Dialog';

interface Props {
  readonly base: Cues;
  readonly mine: Cues;
  readonly theirs: Cues;
  readonly onSettle: (cues: Cues) => void;
}

const SIDES: readonly Side[] = ['mine', 'theirs'];

export function Stale({ base, mine, theirs, onSettle }: Props) {
  const differing = useMemo(() => differences(base, mine, theirs), [base, mine, theirs]);
  const [chosen, setChosen] = useState<ReadonlyMap<string, Side>>(new Map());
  const all = (side: Side): void => setChosen(new Map(differing.map(({ id }) => [id, side])));
  return (
    <Dialog title={say('stale_title')} isWide>
      <p>{say('stale_why')}</p>
      {differing.length === 0 && <p>{say('stale_same')}</p>}
      {differing.length > 0 && (
        <div class="actions">
          <button type="button" onClick={() => all('mine')}>
            {say('stale_all_mine')}
          </button>
          <button type="button" onClick={() => all('theirs')}>
            {say('stale_all_theirs')}
          </button>
        </div>
      )}
      <div class="differences">
        {differing.map((difference) => {
          const side = chosen.get(difference.id) ?? difference.changed ?? 'mine';
          return (
            <fieldset key={difference.id}>
              <legend dir="ltr">{clock((difference.mine ?? difference.theirs)?.start_ms ?? 0)}</legend>
              {SIDES.map((one) => (
                <label key={one}>
                  <input type="radio" name={difference.id} checked={side === one} onChange={() => setChosen(new Map(chosen).set(difference.id, one))} />
                  <span class="side">{say(`stale_${one}`)}</span>
                  <CueText cue={difference[one]} />
                </label>
              ))}
            </fieldset>
          );
        })}
      </div>
      <div class="actions">
        <button type="button" class="main" onClick={() => onSettle(resolve(base, mine, theirs, chosen))}>
          {say('stale_do')}
        </button>
      </div>
    </Dialog>
  );
}

function CueText({ cue }: { cue: Cue | null }) {
  if (cue === null) return <span class="quiet">{say('stale_none')}</span>;
  return (
    <span class="text" dir="auto">
      <small dir="ltr">
        {clock(cue.start_ms)} – {clock(cue.end_ms)}
      </small>
      {cue.speaker !== '' && <b> {cue.speaker}:</b>} {cue.text}
    </span>
  );
}
