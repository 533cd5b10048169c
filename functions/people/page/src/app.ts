/** What all views share: who is logged in, where the page is, and what a failed call means to the person. */

import { signal } from '@preact/signals';
import { Api, ApiError, type Me, type PageConfig } from './api/client';
import { Login } from './login';
import { say } from './words';

export type Route = { readonly name: 'list' } | { readonly name: 'order'; readonly task: string };

export function readRoute(hash: string): Route {
  const match = /^#\/orders\/(\d{1,20})$/.exec(hash);
  return match?.[1] === undefined ? { name: 'list' } : { name: 'order', task: match[1] };
}

export class App {
  readonly route = signal<Route>(readRoute(location.hash));
  /** What was last done, for the next view to say. */
  readonly notice = signal('');
  /** Whether a login has expired and the person must log in again. */
  readonly isExpired = signal(false);
  /** Counts the logins, for whoever waits for the next one. */
  readonly logins = signal(0);
  readonly api: Api;
  readonly login: Login;
  readonly me: Me;

  private constructor(api: Api, login: Login, me: Me) {
    this.api = api;
    this.login = login;
    this.me = me;
    window.addEventListener('hashchange', () => {
      this.route.value = readRoute(location.hash);
    });
  }

  /** Opens the page for who is logged in; null where nobody is. Fails with an `ApiError` where the API can't be reached. */
  static async open(api: Api, login: Login): Promise<App | null> {
    if (login.token() === null) return null;
    try {
      return new App(api, login, await api.me());
    } catch (error) {
      if (error instanceof ApiError && error.kind === 'expired') return null;
      throw error;
    }
  }

  go(route: Route, notice = ''): void {
    this.notice.value = notice;
    location.hash = route.name === 'list' ? '#/' : `#/orders/${route.task}`;
  }

  /** After a login in another window: goes on where it is the same person, else opens the page anew. */
  async loggedIn(): Promise<void> {
    const me = await this.api.me();
    if (me.id !== this.me.id) {
      location.reload();
      return;
    }
    this.isExpired.value = false;
    this.logins.value += 1;
  }

  /** What to say of a failed call; empty where the page asks for a login instead. */
  explain(error: unknown): string {
    if (!(error instanceof ApiError)) throw error;
    switch (error.kind) {
      case 'expired':
        this.isExpired.value = true;
        return '';
      case 'offline':
        return say('offline');
      case 'forbidden':
        return `${say('not_yours')} ${error.message}`;
      case 'missing':
        return say('missing');
      case 'held':
        if (error.code === 'NotHeld') return say('not_held');
        return error.holder === null ? say('taken_by_other') : say('taken_by', { name: error.holder });
      case 'gone':
        return say(error.code === 'Withdrawn' ? 'withdrawn' : error.code === 'HandedIn' ? 'handed_in' : 'ended');
      case 'fault':
        return say('fault', { text: error.message });
    }
  }
}

/** The page's settings, which need no login. */
export async function readConfig(page: URL): Promise<PageConfig> {
  const response = await fetch(new URL('page/config.json', page), { cache: 'no-store' });
  if (!response.ok) throw new ApiError('offline', '', `HTTP ${response.status}`);
  return (await response.json()) as PageConfig;
}
