/** All that the customer says of an order, as text. */

import type { Order } from '../api/client';
import { dateTime, say } from '../words';

function rulesOf({ rules }: Order): string[] {
  return [
    say('rule_line', { count: rules.max_characters_per_line }),
    say('rule_lines', { count: rules.max_lines }),
    say('rule_speed', { count: rules.max_characters_per_second }),
    say('rule_time', { least: rules.min_cue_ms / 1_000, most: rules.max_cue_ms / 1_000 }),
    say('rule_gap', { count: rules.min_gap_ms }),
    ...(rules.speaker_labels ? [say('rule_labels')] : []),
    ...(rules.speaker_change_marks ? [say('rule_marks')] : []),
    ...(rules.audio_tags ? [say('rule_tags')] : []),
    ...(rules.remove_profanity ? [say('rule_profanity')] : []),
  ];
}

export function Brief({ order }: { order: Order }) {
  return (
    <details class="brief" open>
      <summary>{say('brief')}</summary>
      <div class="parts" tabIndex={0} role="group" aria-label={say('brief')}>
        <section>
          <h2>{say('notes')}</h2>
          {order.notes === null || order.notes === '' ? (
            <p class="quiet">{say('no_notes')}</p>
          ) : (
            <p class="text" dir="auto">
              {order.notes}
            </p>
          )}
        </section>
        {order.dictionary.length > 0 && (
          <section>
            <h2>{say('dictionary')}</h2>
            <ul class="words">
              {order.dictionary.map((entry) => (
                <li key={entry} dir="auto">
                  {entry}
                </li>
              ))}
            </ul>
          </section>
        )}
        <section>
          <h2>{say('rules')}</h2>
          <ul>
            {rulesOf(order).map((rule) => (
              <li key={rule}>{rule}</li>
            ))}
          </ul>
        </section>
        <section>
          <h2>{say('wanted')}</h2>
          <p>{say(`deliverable_${order.deliverable}`)}</p>
          {order.output_format !== null && (
            <p>
              {say('format')}: <bdi>{order.output_format.toUpperCase()}</bdi>
            </p>
          )}
          <p>
            {say('turn_around')}: <bdi>{order.turn_around}</bdi>
          </p>
        </section>
        {order.rejections.length > 0 && (
          <section>
            <h2>{say('rejections')}</h2>
            <ul>
              {order.rejections.map(({ name, reason, at_epoch_s }) => (
                <li key={at_epoch_s}>
                  <bdi>{name}</bdi>, {dateTime(at_epoch_s)}: <bdi>{reason}</bdi>
                </li>
              ))}
            </ul>
          </section>
        )}
        {order.history.length > 0 && (
          <section>
            <h2>{say('history')}</h2>
            <ul>
              {order.history.map(({ name, what, at_epoch_s }, index) => (
                <li key={index}>
                  {dateTime(at_epoch_s)}: <bdi>{name}</bdi> <bdi>{what}</bdi>
                </li>
              ))}
            </ul>
          </section>
        )}
      </div>
    </details>
  );
}
