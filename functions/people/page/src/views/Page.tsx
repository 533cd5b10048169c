/** The frame of all views: who is logged in, the page's language, and the login. */

import { useEffect, useState } from 'preact/hooks';
import { Api, ApiError } from '../api/client';
import { App, readConfig } from '../app';
import { Login } from '../login';
import { language, names, type PageLanguage, say, speak, tellDocument } from '../words';
import { Expired } from './Expired';
import { List } from './List';
import { OrderPage } from './OrderPage';

/** The page's own address, without what the issuer or the views have put behind it. */
const page = new URL('.', location.href);
page.search = '';
page.hash = '';

type Opened =
  | { readonly is: 'opening' }
  | { readonly is: 'out'; readonly login: Login; readonly wasRefused: boolean }
  | { readonly is: 'window' }
  | { readonly is: 'failed'; readonly text: string }
  | { readonly is: 'in'; readonly app: App };

async function open(): Promise<Opened> {
  try {
    const login = new Login(await readConfig(page), page);
    const finished = await login.finish();
    if (finished === 'window') return { is: 'window' };
    const app = await App.open(new Api(page, login), login);
    return app === null ? { is: 'out', login, wasRefused: finished === 'refused' } : { is: 'in', app };
  } catch (error) {
    return { is: 'failed', text: error instanceof ApiError && error.kind === 'offline' ? say('offline') : String(error) };
  }
}

export function Page() {
  const [opened, setOpened] = useState<Opened>({ is: 'opening' });
  const again = (): void => void open().then(setOpened);
  useEffect(again, []);
  useEffect(tellDocument, [language.value]);
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        {say('skip')}
      </a>
      <header class="top">
        <p class="brand">{say('title')}</p>
        <label class="quiet">
          <span class="unseen">{say('language')}</span>
          <select value={language.value} onChange={(event) => speak(event.currentTarget.value as PageLanguage)}>
            {Object.entries(names).map(([code, name]) => (
              <option key={code} value={code} lang={code}>
                {name}
              </option>
            ))}
          </select>
        </label>
        {opened.is === 'in' && (
          <>
            <bdi class="who">{opened.app.me.name}</bdi>
            <button type="button" onClick={() => void opened.app.login.out()}>
              {say('logout')}
            </button>
          </>
        )}
      </header>
      <main id="main" tabIndex={-1}>
        {opened.is === 'opening' && <p role="status">{say('loading')}</p>}
        {opened.is === 'window' && <p role="status">{say('login_done')}</p>}
        {opened.is === 'failed' && (
          <div class="center">
            <p role="alert">{opened.text}</p>
            <button type="button" onClick={again}>
              {say('again')}
            </button>
          </div>
        )}
        {opened.is === 'out' && (
          <div class="center">
            <h1>{say('title')}</h1>
            <p>{say('login_why')}</p>
            {opened.wasRefused && <p role="alert">{say('login_refused')}</p>}
            <button type="button" class="main" onClick={() => void opened.login.go()}>
              {say('login')}
            </button>
          </div>
        )}
        {opened.is === 'in' && <Views app={opened.app} />}
      </main>
    </>
  );
}

/** The hash is the page's way to its views, so the link to the content moves the focus by itself. */
function skip(event: Event): void {
  event.preventDefault();
  document.getElementById('main')?.focus();
}

function Views({ app }: { app: App }) {
  const route = app.route.value;
  return (
    <>
      {route.name === 'list' ? <List app={app} /> : <OrderPage key={route.task} app={app} task={route.task} />}
      {app.isExpired.value && <Expired app={app} />}
    </>
  );
}
