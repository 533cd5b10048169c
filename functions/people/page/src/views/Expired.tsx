/** A login that has expired: another one, without leaving what is being written. */

import { useState } from 'preact/hooks';
import type { App } from '../app';
import { say } from '../words';
import { Dialog } from './Dialog';

export function Expired({ app }: { app: App }) {
  const [isRefused, setRefused] = useState(false);
  const [text, setText] = useState('');
  const begin = async (): Promise<void> => {
    try {
      const isOpen = await app.login.goInWindow(() => {
        app.loggedIn().catch((error: unknown) => setText(app.explain(error)));
      });
      setRefused(!isOpen);
    } catch {
      setText(say('offline'));
    }
  };
  return (
    <Dialog title={say('login_expired')}>
      <p>{say('login_expired_why')}</p>
      {isRefused && <p role="alert">{say('window_refused')}</p>}
      {text !== '' && <p role="alert">{text}</p>}
      <div class="actions">
        <button type="button" class="main" onClick={() => void begin()}>
          {say('login')}
        </button>
        {isRefused && (
          <button type="button" onClick={() => void app.login.go()}>
            {say('login_here')}
          </button>
        )}
      </div>
    </Dialog>
  );
}
