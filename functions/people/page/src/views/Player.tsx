/** The media with its waveform, and the cues as the viewer will see them. */

import { useEffect, useRef, useState } from 'preact/hooks';
import type { Peaks } from '../api/client';
import type { App } from '../app';
import type { Work } from '../editor/work';
import type { Cue, Cues } from '../model/cue';
import { escaped } from '../model/vtt';
import { say } from '../words';
import { Waveform } from './Waveform';

/** Links are asked for anew so long before they end. */
const MARGIN_MS = 20_000;
/** A link that fails is not asked for more often. */
const AGAIN_MS = 5_000;
const SPEEDS = ['0.5', '0.75', '1', '1.25', '1.5', '2'];

interface Props {
  readonly app: App;
  readonly task: string;
  readonly work: Work;
  /** Of the cues that are shown over the picture. */
  readonly language: string;
}

export function Player({ app, task, work, language }: Props) {
  const { editor } = work;
  const video = useRef<HTMLVideoElement>(null);
  /** When the link ends, by `performance.now`. The one that came with the order may be some time old by now. */
  const ends_ms = useRef((work.media?.good_for_ms ?? 0) + work.opened_ms);
  const [trouble, setTrouble] = useState('');
  const [peaks, setPeaks] = useState<Peaks | null | 'asking'>('asking');

  // A link is good for minutes: another one is put in its place, where the media was.
  const asked_ms = useRef(0);
  const renew = async (): Promise<void> => {
    const element = video.current;
    if (element === null || Date.now() - asked_ms.current < AGAIN_MS) return;
    asked_ms.current = Date.now();
    try {
      const now = await app.api.media(task);
      ends_ms.current = performance.now() + now.good_for_ms;
      const [at_s, isPaused, rate] = [element.currentTime, element.paused, element.playbackRate];
      element.src = now.url;
      element.currentTime = at_s;
      element.playbackRate = rate;
      if (!isPaused) await element.play();
      setTrouble('');
    } catch (error) {
      if (error instanceof DOMException) return;
      setTrouble(app.explain(error));
    }
  };
  const renewIfOld = (): void => {
    if (ends_ms.current - MARGIN_MS < performance.now()) void renew();
  };

  useEffect(() => {
    const element = video.current;
    if (element === null) return;
    if (work.media === null || ends_ms.current - MARGIN_MS < performance.now()) void renew();
    else element.src = work.media.url;
    let stop_ms: number | null = null;
    editor.player = {
      now_ms: () => Math.round(element.currentTime * 1_000),
      seek: (ms) => {
        stop_ms = null;
        element.currentTime = ms / 1_000;
      },
      toggle: () => {
        stop_ms = null;
        if (element.paused) void element.play().catch(() => undefined);
        else element.pause();
      },
      play: (start_ms, end_ms) => {
        element.currentTime = start_ms / 1_000;
        stop_ms = end_ms;
        void element.play().catch(() => undefined);
      },
    };
    const moved = (): void => {
      const now_ms = element.currentTime * 1_000;
      if (stop_ms !== null && now_ms >= stop_ms) {
        stop_ms = null;
        element.pause();
      }
      editor.mediaAt(now_ms);
    };
    // `timeupdate` comes four times a second, which is too coarse to stop by.
    let frame = 0;
    const watch = (): void => {
      if (stop_ms !== null) moved();
      frame = element.paused ? 0 : requestAnimationFrame(watch);
    };
    const began = (): void => {
      renewIfOld();
      if (frame === 0) frame = requestAnimationFrame(watch);
    };
    element.addEventListener('timeupdate', moved);
    element.addEventListener('play', began);
    element.addEventListener('seeking', renewIfOld);
    return () => {
      cancelAnimationFrame(frame);
      element.removeEventListener('timeupdate', moved);
      element.removeEventListener('play', began);
      element.removeEventListener('seeking', renewIfOld);
      element.removeAttribute('src');
      element.load();
      editor.player = null;
    };
  }, [work]);
  useEffect(() => {
    app.api.peaks(task).then(setPeaks, (error: unknown) => {
      app.explain(error);
      setPeaks(null);
    });
  }, [task, app.logins.value]);
  useEffect(() => {
    const track = video.current?.addTextTrack('captions', say('cues'), language);
    return track === undefined ? undefined : showCues(track, work);
  }, [work]);

  const failed = (): void => {
    const code = video.current?.error?.code;
    // Decoded, but not to be played: another link changes nothing.
    if (code === MediaError.MEDIA_ERR_DECODE) setTrouble(say('no_media', { text: video.current?.error?.message ?? '' }));
    else {
      if (Date.now() - asked_ms.current < AGAIN_MS) setTrouble(say('no_media', { text: video.current?.error?.message ?? '' }));
      void renew();
    }
  };
  return (
    <section class="player" aria-label={say('player')}>
      {work.media?.has_picture === false && <p class="quiet">{say('sound_only')}</p>}
      <video ref={video} class={work.media?.has_picture === false ? 'sound' : undefined} controls preload="metadata" onError={failed} />
      {trouble !== '' && <p role="alert">{trouble}</p>}
      <label class="quiet">
        {say('speed')}{' '}
        <select
          value="1"
          onChange={(event) => {
            if (video.current !== null) video.current.playbackRate = Number(event.currentTarget.value);
          }}
        >
          {SPEEDS.map((speed) => (
            <option key={speed}>{speed}</option>
          ))}
        </select>
      </label>
      {peaks === null && <p class="quiet">{say('no_waveform')}</p>}
      {peaks !== null && peaks !== 'asking' && video.current !== null && <Waveform editor={editor} peaks={peaks} video={video.current} />}
    </section>
  );
}

/** Keeps the track's cues as the editor's are, some time after each edit. */
function showCues(track: TextTrack, { editor }: Work): () => void {
  const shown = new Map<string, { cue: Cue; drawn: VTTCue }>();
  const update = (cues: Cues): void => {
    const now = new Map(cues.map((cue) => [cue.id, cue]));
    for (const [id, { cue, drawn }] of shown) {
      if (now.get(id) === cue) continue;
      track.removeCue(drawn);
      shown.delete(id);
    }
    for (const cue of cues) {
      if (shown.has(cue.id) || cue.end_ms <= cue.start_ms) continue;
      const drawn = new VTTCue(cue.start_ms / 1_000, cue.end_ms / 1_000, escaped(cue.text));
      track.addCue(drawn);
      shown.set(cue.id, { cue, drawn });
    }
  };
  track.mode = 'showing';
  update(editor.cues.peek());
  let timer = 0;
  const stop = editor.onEdit((cues) => {
    clearTimeout(timer);
    timer = window.setTimeout(() => update(cues), 400);
  });
  return () => {
    stop();
    clearTimeout(timer);
  };
}
