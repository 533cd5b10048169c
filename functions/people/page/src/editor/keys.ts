/** The editor's keys. By their place on the keyboard, so that they are the same in any layout, and with Alt, so that they work in text. */

import type { Word } from '../words';
import type { Editor } from './editor';

export interface Command {
  readonly word: Word;
  /** As people read it. */
  readonly key: string;
  /** As `KeyboardEvent.code` has it. */
  readonly code: string;
  readonly run: (editor: Editor) => void;
}

/** The caret in the text of the selected cue; behind its end where the caret is elsewhere. */
function caret(): number {
  const active = document.activeElement;
  return active instanceof HTMLTextAreaElement ? active.selectionStart : lastCaret;
}

let lastCaret = Number.MAX_SAFE_INTEGER;

/** Remembers the caret for a button that takes the focus away from the text. */
export function rememberCaret(at: number): void {
  lastCaret = at;
}

export const commands: readonly Command[] = [
  { word: 'play', key: 'Alt+K', code: 'KeyK', run: (editor) => editor.toggle() },
  { word: 'back_2s', key: 'Alt+J', code: 'KeyJ', run: (editor) => editor.jump(-1) },
  { word: 'ahead_2s', key: 'Alt+L', code: 'KeyL', run: (editor) => editor.jump(1) },
  { word: 'replay', key: 'Alt+R', code: 'KeyR', run: (editor) => editor.replay() },
  { word: 'set_in', key: 'Alt+I', code: 'KeyI', run: (editor) => editor.inHere() },
  { word: 'set_out', key: 'Alt+O', code: 'KeyO', run: (editor) => editor.outHere() },
  { word: 'split', key: 'Alt+S', code: 'KeyS', run: (editor) => editor.split(caret()) },
  { word: 'merge', key: 'Alt+M', code: 'KeyM', run: (editor) => editor.merge() },
  { word: 'insert', key: 'Alt+A', code: 'KeyA', run: (editor) => editor.insert() },
  { word: 'remove', key: 'Alt+Delete', code: 'Delete', run: (editor) => editor.remove() },
  { word: 'previous', key: 'Alt+↑', code: 'ArrowUp', run: (editor) => editor.step(-1) },
  { word: 'next', key: 'Alt+↓', code: 'ArrowDown', run: (editor) => editor.step(1) },
  { word: 'next_fault', key: 'Alt+P', code: 'KeyP', run: (editor) => editor.toNextFault() },
];

/** The keys that people know from elsewhere. */
export const known: readonly Command[] = [
  { word: 'undo', key: 'Ctrl+Z', code: 'KeyZ', run: (editor) => editor.undo() },
  { word: 'redo', key: 'Ctrl+Y', code: 'KeyY', run: (editor) => editor.redo() },
  { word: 'find', key: 'Ctrl+F', code: 'KeyF', run: (editor) => (editor.isFinding.value = true) },
  { word: 'next', key: 'Ctrl+Enter', code: 'Enter', run: (editor) => editor.step(1) },
];

/** Does what a key stands for. True where it stood for something. */
export function press(event: KeyboardEvent, editor: Editor): boolean {
  const isControl = event.ctrlKey || event.metaKey;
  if (event.isComposing || isControl === event.altKey) return false;
  if (isControl && event.shiftKey && event.code === 'KeyZ') {
    editor.redo();
    return true;
  }
  if (event.shiftKey) return false;
  const command = (isControl ? known : commands).find(({ code }) => code === event.code);
  command?.run(editor);
  return command !== undefined;
}
