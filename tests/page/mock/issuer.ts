/** A small OpenID Connect issuer: code flow with PKCE for the people of the mock, whom it lets in by name. */

import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';

export interface Person {
  readonly id: string;
  readonly name: string;
  readonly groups: readonly string[];
}

export const people: readonly Person[] = [
  { id: 'ana', name: 'Ana', groups: ['service.any', 'language.any'] },
  { id: 'ben', name: 'Ben', groups: ['service.any', 'language.any'] },
  { id: 'cleo', name: 'Cleo', groups: ['supervisor'] },
];

interface Code {
  readonly person: Person;
  readonly challenge: string;
  readonly redirect: string;
  readonly nonce: string;
}

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

export class Issuer {
  private readonly codes = new Map<string, Code>();
  private readonly tokens = new Map<string, Person>();
  private readonly refreshes = new Map<string, Person>();

  constructor(
    readonly address: string,
    private readonly client_id: string,
  ) {}

  discovery(): object {
    return {
      issuer: this.address,
      authorization_endpoint: `${this.address}/authorize`,
      token_endpoint: `${this.address}/token`,
      jwks_uri: `${this.address}/jwks`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      code_challenge_methods_supported: ['S256'],
    };
  }

  jwks(): object {
    return { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'mock', alg: 'RS256', use: 'sig' }] };
  }

  /** The page to log in on; with a person chosen, the way back. */
  authorize(query: URLSearchParams): { location: string } | { html: string } | { error: string } {
    const redirect = query.get('redirect_uri') ?? '';
    const challenge = query.get('code_challenge') ?? '';
    const isGood = query.get('client_id') === this.client_id && query.get('response_type') === 'code' && query.get('code_challenge_method') === 'S256';
    if (!isGood || challenge === '') return { error: 'not a code flow with PKCE' };
    const person = people.find(({ id }) => id === query.get('person'));
    if (person === undefined) {
      const buttons = people.map(({ id, name }) => `<button name="person" value="${id}">${name}</button>`).join(' ');
      const kept = [...query].map(([name, value]) => `<input type="hidden" name="${name}" value="${encodeURI(value)}">`).join('');
      return { html: `<!doctype html><title>Login</title><form>${kept}${buttons}</form>` };
    }
    const code = randomBytes(16).toString('hex');
    this.codes.set(code, { person, challenge, redirect, nonce: query.get('nonce') ?? '' });
    const back = new URL(redirect);
    back.searchParams.set('code', code);
    back.searchParams.set('state', query.get('state') ?? '');
    return { location: back.href };
  }

  /** Tokens for a code, which is good once, or for a refresh token. */
  token(form: URLSearchParams): object | null {
    if (form.get('grant_type') === 'refresh_token') {
      const person = this.refreshes.get(form.get('refresh_token') ?? '');
      return person === undefined ? null : { access_token: this.access(person), token_type: 'Bearer', expires_in: 3_600 };
    }
    const code = this.codes.get(form.get('code') ?? '');
    this.codes.delete(form.get('code') ?? '');
    const challenge = createHash('sha256').update(form.get('code_verifier') ?? '').digest('base64url');
    if (code === undefined || challenge !== code.challenge || form.get('redirect_uri') !== code.redirect) return null;
    const now = Math.floor(Date.now() / 1_000);
    const head = part({ alg: 'RS256', kid: 'mock', typ: 'JWT' });
    const claims = part({ iss: this.address, aud: this.client_id, sub: code.person.id, iat: now, exp: now + 3_600, nonce: code.nonce });
    const signature = sign('RSA-SHA256', Buffer.from(`${head}.${claims}`), privateKey).toString('base64url');
    const refresh_token = randomBytes(24).toString('hex');
    this.refreshes.set(refresh_token, code.person);
    const access_token = this.access(code.person);
    return { access_token, refresh_token, token_type: 'Bearer', expires_in: 3_600, id_token: `${head}.${claims}.${signature}` };
  }

  private access(person: Person): string {
    const token = randomBytes(24).toString('hex');
    this.tokens.set(token, person);
    return token;
  }

  /** Whose token it is; null where it is nobody's. */
  personOf(authorization: string | undefined): Person | null {
    return this.tokens.get(authorization?.replace(/^Bearer /, '') ?? '') ?? null;
  }
}
