/**
 * Markup from text, for those browsers that ask before they make any (Trusted Types). The page makes none; the waveform's library
 * makes its own frame once, and nothing else passes.
 */

/** A style element and empty boxes: no text, no address, nothing that runs. */
const FRAME = /^\s*<style nonce="[^"<>]*">[^<]*<\/style>(?:\s|<div class="[a-z]+" part="[a-z]+">|<\/div>)*$/;

interface Policies {
  createPolicy(name: string, rules: { createHTML: (text: string) => string }): unknown;
}

export function isFrame(text: string): boolean {
  return text === '' || FRAME.test(text);
}

export function guardMarkup(): void {
  const { trustedTypes } = window as { trustedTypes?: Policies };
  trustedTypes?.createPolicy('default', {
    createHTML: (text) => {
      if (!isFrame(text)) throw new TypeError('text may not become markup here');
      return text;
    },
  });
}
