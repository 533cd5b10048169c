/** The waveform, from peaks that were computed beforehand; the selected cue and its neighbours lie on it and can be drawn. */

import { effect } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import WaveSurfer from 'wavesurfer.js';
import RegionsPlugin, { type Region } from 'wavesurfer.js/plugins/regions';
import type { Peaks } from '../api/client';
import type { Editor } from '../editor/editor';
import type { Cues } from '../model/cue';
import { say } from '../words';

/** Pixels a second. */
const ZOOMS = [20, 60, 120, 240];
/** Cues that are shown on each side of the selected one. */
const AROUND = 6;
const HEIGHT_PX = 88;

/** What the page's address allows styles by; whoever serves the page has put it there. */
function nonce(): string {
  return document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? '';
}

export function Waveform({ editor, peaks, video }: { editor: Editor; peaks: Peaks; video: HTMLVideoElement }) {
  const box = useRef<HTMLDivElement>(null);
  const wave = useRef<WaveSurfer | null>(null);
  const [zoom, setZoom] = useState(60);
  useEffect(() => {
    if (box.current === null) return;
    const regions = RegionsPlugin.create();
    const drawn = WaveSurfer.create({
      container: box.current,
      height: HEIGHT_PX,
      waveColor: '#5b7083',
      progressColor: '#1d5fa8',
      cursorColor: '#b00020',
      cursorWidth: 2,
      minPxPerSec: zoom,
      media: video,
      peaks: [peaks.peaks],
      duration: peaks.peaks.length / peaks.peaks_per_s,
      dragToSeek: false,
      cspNonce: nonce(),
      plugins: [regions],
    });
    wave.current = drawn;
    const here = new Map<string, Region>();
    const show = (cues: Cues, selected: string | null): void => {
      const index = cues.findIndex((cue) => cue.id === selected);
      const shown = index < 0 ? [] : cues.slice(Math.max(0, index - AROUND), index + AROUND + 1);
      const ids = new Set(shown.map(({ id }) => id));
      for (const [id, region] of here) {
        if (ids.has(id)) continue;
        here.delete(id);
        region.remove();
      }
      for (const { id, start_ms, end_ms } of shown) {
        const place = { start: start_ms / 1_000, end: end_ms / 1_000, color: id === selected ? 'rgba(29, 95, 168, 0.35)' : 'rgba(60, 60, 60, 0.12)' };
        const known = here.get(id);
        if (known !== undefined) {
          if (known.start !== place.start || known.end !== place.end || known.color !== place.color) known.setOptions(place);
        } else here.set(id, regions.addRegion({ id, ...place, drag: true, resize: true, minLength: 0.001 }));
      }
    };
    let frame = 0;
    let stop: () => void = () => undefined;
    const ready = drawn.on('ready', () => {
      stop = effect(() => {
        const [cues, selected] = [editor.cues.value, editor.selected.value];
        cancelAnimationFrame(frame);
        // After the key that caused it has been painted.
        frame = requestAnimationFrame(() => setTimeout(() => show(cues, selected)));
      });
    });
    regions.on('region-updated', (region) => editor.setTimes(region.id, region.start * 1_000, region.end * 1_000));
    regions.on('region-clicked', (region, event) => {
      event.stopPropagation();
      editor.goTo(editor.cues.value.findIndex((cue) => cue.id === region.id));
      editor.player?.seek(region.start * 1_000);
    });
    return () => {
      ready();
      stop();
      cancelAnimationFrame(frame);
      wave.current = null;
      drawn.destroy();
    };
  }, [peaks, video]);
  return (
    <>
      {/* What it shows is in the list of cues, too: it is for the eye and the pointer. */}
      <div class="wave" ref={box} aria-hidden="true" dir="ltr" />
      <label class="quiet">
        {say('zoom')}{' '}
        <select
          value={String(zoom)}
          onChange={(event) => {
            const wanted = Number(event.currentTarget.value);
            setZoom(wanted);
            wave.current?.zoom(wanted);
          }}
        >
          {ZOOMS.map((px) => (
            <option key={px} value={String(px)}>
              {px / 60}×
            </option>
          ))}
        </select>
      </label>
    </>
  );
}
