/** Handing in a file: its checksum, the bucket, the checks, and then for good. */

import { useState } from 'preact/hooks';
import { type Checked, ApiError } from '../api/client';
import type { App } from '../app';
import { checksum, put, untilAnswered } from '../upload';
import { say } from '../words';
import { FindingText, summary } from './Checks';

interface Props {
  readonly app: App;
  readonly task: string;
  /** Extensions that may be handed in. */
  readonly kinds: readonly string[];
  readonly onDone: () => void;
}

interface Put {
  readonly name: string;
  readonly key: string;
  readonly checked: Checked;
}

function extension(name: string): string {
  return /\.([A-Za-z0-9]+)$/.exec(name)?.[1]?.toLowerCase() ?? '';
}

export function Upload({ app, task, kinds, onDone }: Props) {
  const [file, setFile] = useState<File | null>(null);
  const [said, setSaid] = useState('');
  const [trouble, setTrouble] = useState('');
  const [uploaded, setUploaded] = useState<Put | null>(null);
  const [isBusy, setBusy] = useState(false);
  const isKind = file === null || kinds.includes(extension(file.name));
  const guarded = async (work: () => Promise<void>): Promise<void> => {
    setBusy(true);
    setTrouble('');
    try {
      await work();
    } catch (error) {
      setTrouble(error instanceof ApiError ? app.explain(error) : say('upload_failed', { text: String(error) }));
    } finally {
      setBusy(false);
      setSaid('');
    }
  };
  const percent = (share: number): number => Math.round(share * 100);
  const upload = (): Promise<void> =>
    guarded(async () => {
      if (file === null) return;
      setUploaded(null);
      const sha256 = await checksum(file, (share) => setSaid(say('hashing', { percent: percent(share) })));
      const { url, headers, key } = await app.api.beginFile(task, { name: file.name, size_bytes: file.size, sha256 });
      await put(file, url, headers, (share) => setSaid(say('sending', { percent: percent(share) })));
      setSaid(say('checking'));
      const checked = await untilAnswered(() => app.api.check(task, { key }), () => setSaid(say('checking_on')));
      setUploaded({ name: file.name, key, checked });
    });
  const submit = (): Promise<void> =>
    guarded(async () => {
      if (uploaded === null) return;
      const checked = await app.api.submit(task, { key: uploaded.key });
      if (checked.taken !== null) onDone();
      else setUploaded({ ...uploaded, checked });
    });
  return (
    <section class="upload" aria-label={say('upload')}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (isKind) void upload();
        }}
      >
        <label>
          {say('file')}
          <input
            type="file"
            required
            accept={kinds.map((kind) => `.${kind}`).join(',')}
            onChange={(event) => {
              setFile(event.currentTarget.files?.[0] ?? null);
              setUploaded(null);
            }}
          />
        </label>
        <p class="quiet">
          {say('file_kinds', { kinds: '' })} <bdi>{kinds.join(', ')}</bdi>
        </p>
        {!isKind && <p role="alert">{say('file_kind_wrong', { name: file.name })}</p>}
        <button type="submit" disabled={isBusy || !isKind}>
          {say('upload_do')}
        </button>
      </form>
      <p role="status">{said}</p>
      {trouble !== '' && <p role="alert">{trouble}</p>}
      {uploaded !== null && (
        <>
          <p role="status">
            {say('uploaded', { name: uploaded.name })} {summary(uploaded.checked)}
          </p>
          <ul class="findings" tabIndex={0} aria-label={say('findings')}>
            {uploaded.checked.findings.map((finding, number) => (
              <li key={number} class={finding.level}>
                <FindingText finding={finding} />
              </li>
            ))}
          </ul>
          {uploaded.checked.taken !== null && (
            <button type="button" class="main" disabled={isBusy} onClick={() => void submit()}>
              {say(uploaded.checked.findings.length > 0 ? 'submit_anyway' : 'submit')}
            </button>
          )}
        </>
      )}
    </section>
  );
}
