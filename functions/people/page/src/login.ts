/**
 * Login by OpenID Connect: code flow with PKCE. Tokens live in this tab's session storage and nowhere else; they are read from
 * there at each call. A login that expired is renewed by a refresh token where the issuer gave one, and else by a person, in a
 * window of its own, so that the page and what is typed in it stay.
 */

import * as oauth from 'oauth4webapi';
import type { PageConfig } from './api/client';

const TOKENS = 'reach.tokens';
const PENDING = 'reach.login.';
const CHANNEL = 'reach.login';
/** Nobody takes longer to log in. */
const PENDING_MS = 15 * 60_000;

interface Tokens {
  readonly access: string;
  readonly refresh: string | null;
}

/** A login that was begun and whose answer has not come. Kept beside the window, since the answer may come into another one. */
interface Pending {
  readonly verifier: string;
  readonly nonce: string;
  /** The page's hash to go back to. */
  readonly hash: string;
  readonly isWindow: boolean;
  readonly begun_epoch_ms: number;
}

interface Done {
  readonly state: string;
  readonly tokens: Tokens;
}

/** What has become of an answer of the issuer in the page's address. */
export type Finished = 'none' | 'in' | 'window' | 'refused';

export class Login {
  private server: oauth.AuthorizationServer | null = null;
  private readonly client: oauth.Client;
  private renewing: Promise<boolean> | null = null;

  constructor(
    private readonly config: PageConfig,
    private readonly page: URL,
  ) {
    this.client = { client_id: config.client_id, token_endpoint_auth_method: 'none' };
  }

  token(): string | null {
    return this.tokens()?.access ?? null;
  }

  private tokens(): Tokens | null {
    const kept = sessionStorage.getItem(TOKENS);
    return kept === null ? null : (JSON.parse(kept) as Tokens);
  }

  private keep(tokens: Tokens): void {
    sessionStorage.setItem(TOKENS, JSON.stringify(tokens));
  }

  /** Without TLS only the machine itself is spoken to. */
  private options(): Record<symbol, boolean> {
    const { hostname } = new URL(this.config.issuer);
    const isLocal = hostname === 'localhost' || hostname === '127.0.0.1' || hostname === '[::1]';
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- marked so to stand out, which it shall
    return { [oauth.allowInsecureRequests]: isLocal };
  }

  private async discovered(): Promise<oauth.AuthorizationServer> {
    if (this.server === null) {
      const issuer = new URL(this.config.issuer);
      const response = await oauth.discoveryRequest(issuer, this.options());
      this.server = await oauth.processDiscoveryResponse(issuer, response);
    }
    return this.server;
  }

  private async address(isWindow: boolean): Promise<{ url: URL; state: string }> {
    const server = await this.discovered();
    const [verifier, state, nonce] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomState(), oauth.generateRandomNonce()];
    const pending: Pending = { verifier, nonce, hash: location.hash, isWindow, begun_epoch_ms: Date.now() };
    localStorage.setItem(PENDING + state, JSON.stringify(pending));
    const url = new URL(server.authorization_endpoint ?? '');
    url.search = new URLSearchParams({
      client_id: this.client.client_id,
      redirect_uri: this.page.href,
      response_type: 'code',
      scope: 'openid profile',
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
      nonce,
    }).toString();
    return { url, state };
  }

  /** Leaves the page for the issuer's. */
  async go(): Promise<void> {
    const { url } = await this.address(false);
    location.assign(url);
  }

  /**
   * Lets the person log in within a window of its own; `isIn` is called once they have. False where the browser gives no window.
   * A window that was closed can't be told from one that parted itself from its opener, so this waits for as long as the page
   * lives, and may be called again.
   */
  async goInWindow(isIn: () => void): Promise<boolean> {
    // Opened at once: later, the browser would not take it for the person's own wish.
    const opened = window.open('', 'reach-login', 'popup,width=520,height=680');
    if (opened === null) return false;
    const { url, state } = await this.address(true);
    const channel = new BroadcastChannel(CHANNEL);
    channel.onmessage = (message: MessageEvent<Done>) => {
      if (message.data.state !== state) return;
      channel.close();
      this.keep(message.data.tokens);
      isIn();
    };
    opened.location.replace(url);
    return true;
  }

  /** Takes the issuer's answer from the page's address, if there is one. */
  async finish(): Promise<Finished> {
    const here = new URL(location.href);
    const state = here.searchParams.get('state');
    if (state === null) return 'none';
    const kept = localStorage.getItem(PENDING + state);
    this.forgetPending(state);
    history.replaceState(null, '', here.pathname);
    if (kept === null) return 'refused';
    const pending = JSON.parse(kept) as Pending;
    history.replaceState(null, '', here.pathname + pending.hash);
    try {
      const server = await this.discovered();
      const parameters = oauth.validateAuthResponse(server, this.client, here, state);
      const response = await oauth.authorizationCodeGrantRequest(
        server,
        this.client,
        oauth.None(),
        parameters,
        this.page.href,
        pending.verifier,
        this.options(),
      );
      const result = await oauth.processAuthorizationCodeResponse(server, this.client, response, {
        expectedNonce: pending.nonce,
        requireIdToken: true,
      });
      const tokens = { access: result.access_token, refresh: result.refresh_token ?? null };
      if (pending.isWindow) {
        const channel = new BroadcastChannel(CHANNEL);
        channel.postMessage({ state, tokens } satisfies Done);
        channel.close();
        setTimeout(() => window.close(), 100);
        return 'window';
      }
      this.keep(tokens);
      return 'in';
    } catch {
      return 'refused';
    }
  }

  private forgetPending(state: string): void {
    localStorage.removeItem(PENDING + state);
    for (const key of Object.keys(localStorage).filter((key) => key.startsWith(PENDING))) {
      const { begun_epoch_ms } = JSON.parse(localStorage.getItem(key) ?? '{}') as Partial<Pending>;
      if (Date.now() - (begun_epoch_ms ?? 0) > PENDING_MS) localStorage.removeItem(key);
    }
  }

  /** Gets another token by the refresh token. False where there is none, or the issuer wants the person. */
  renew(): Promise<boolean> {
    this.renewing ??= this.renewOnce().finally(() => (this.renewing = null));
    return this.renewing;
  }

  private async renewOnce(): Promise<boolean> {
    const refresh = this.tokens()?.refresh ?? null;
    if (refresh === null) return false;
    try {
      const server = await this.discovered();
      const response = await oauth.refreshTokenGrantRequest(server, this.client, oauth.None(), refresh, this.options());
      const result = await oauth.processRefreshTokenResponse(server, this.client, response);
      this.keep({ access: result.access_token, refresh: result.refresh_token ?? refresh });
      return true;
    } catch (error) {
      // The issuer has said no: this token will do no more. Whatever else may pass.
      if (error instanceof oauth.ResponseBodyError) this.keep({ access: this.token() ?? '', refresh: null });
      return false;
    }
  }

  /** Forgets the tokens, and has the issuer forget the person where it offers that. */
  async out(): Promise<void> {
    sessionStorage.removeItem(TOKENS);
    const server = await this.discovered().catch(() => null);
    const end = server?.end_session_endpoint;
    if (end === undefined) {
      location.replace(this.page.href);
      return;
    }
    const url = new URL(end);
    // Cognito has a name of its own for the way back.
    url.search = new URLSearchParams({
      client_id: this.client.client_id,
      post_logout_redirect_uri: this.page.href,
      logout_uri: this.page.href,
    }).toString();
    location.replace(url);
  }
}
