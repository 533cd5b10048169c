/** A file on its way to the bucket: its checksum, the PUT, and what the API says of it. */

import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { ApiError } from './api/client';

const ASK_AGAIN_MS = 5_000;
const ASK_FOR_MS = 5 * 60_000;

/** The SHA-256 of a file in hexadecimal, read piece by piece, since a sound track may be larger than memory. */
export async function checksum(file: Blob, progress: (share: number) => void): Promise<string> {
  const hash = sha256.create();
  const reader = file.stream().getReader();
  let read_bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return bytesToHex(hash.digest());
    hash.update(value);
    read_bytes += value.length;
    progress(read_bytes / file.size);
  }
}

/**
 * What is asked of the API, asked again as long as there is no answer: to check a track of hours takes longer than an answer may. The
 * API goes on all the same and keeps what it has found.
 */
export async function untilAnswered<T>(ask: () => Promise<T>, waiting: () => void): Promise<T> {
  const end_ms = Date.now() + ASK_FOR_MS;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const passes = error instanceof ApiError && error.kind === 'offline';
      if (!passes || Date.now() > end_ms) throw error;
      waiting();
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
    }
  }
}

/** Puts the file to a signed address. `fetch` tells nothing of how far an upload is. */
export function put(file: Blob, url: string, headers: Readonly<Record<string, string>>, progress: (share: number) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('PUT', url);
    for (const [name, value] of Object.entries(headers)) {
      // The browser says these by itself, and lets nobody else.
      if (!/^(host|content-length)$/i.test(name)) request.setRequestHeader(name, value);
    }
    request.upload.onprogress = (event) => progress(event.loaded / file.size);
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve();
      else reject(new Error(`HTTP ${request.status}`));
    };
    request.onerror = () => reject(new Error('no connection'));
    request.send(file);
  });
}
