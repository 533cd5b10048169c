/** What the cases share: people who log in, orders to work on, and a watch over what the browser complains of. */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test as base, expect, type Page } from '@playwright/test';
import type { Wish } from '../mock/world';

export { expect } from '@playwright/test';

/** Against a stack its own orders are done, by `stack.spec.ts`; whatever needs an order made for it is left to the mock. */
export const isMock = process.env.PAGE_URL === undefined;
/** The stack's orders that are to be done, by service: the task, and a file that may be handed in for it. */
export const orders = JSON.parse(process.env.PAGE_ORDERS ?? '{}') as Partial<Record<string, { task: string; file: string }>>;
const mock = `http://127.0.0.1:${process.env.PAGE_PORT ?? '4790'}/_mock`;
const target = `${process.env.CARGO_TARGET_DIR ?? '../../target'}/page`;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Complaints of the network that a case brings about by itself. */
const EXPECTED = /Failed to load resource|net::ERR_INTERNET_DISCONNECTED/;

/** Notes everything that the browser complains of, policy violations first of all. */
export function watch(page: Page, complaints: string[]): void {
  page.on('console', (message) => {
    if (message.type() === 'error' && !EXPECTED.test(message.text())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
}

export const test = base.extend<{ complaints: string[] }>({
  complaints: [
    async ({ context }, use) => {
      const complaints: string[] = [];
      context.on('page', (page) => watch(page, complaints));
      await use(complaints);
      expect(complaints, 'what the browser complained of').toEqual([]);
      if (isMock) expect(await (await fetch(`${mock}/faults`)).json(), 'calls that are not as openapi.yaml says').toEqual([]);
    },
    { auto: true },
  ],
});

/** A new order of the mock. */
export async function anOrder(wish: Wish): Promise<string> {
  const answer = await fetch(`${mock}/orders`, { method: 'POST', body: JSON.stringify(wish) });
  return ((await answer.json()) as { task: string }).task;
}

/** Has the browser think that its login is good, when it is not. */
export async function spoilLogin(page: Page): Promise<void> {
  await page.evaluate(() => sessionStorage.setItem('reach.tokens', JSON.stringify({ access: 'expired', refresh: null })));
}

export async function atMock(task: string): Promise<{ state: string; draft: { text: string; start_ms: number; end_ms: number; speaker: string | null }[] | null }> {
  return (await fetch(`${mock}/${task.startsWith('/') ? task.slice(1) : `orders/${task}`}`)).json() as never;
}

export async function withdraw(task: string): Promise<void> {
  await fetch(`${mock}/orders/${task}/withdraw`, { method: 'POST' });
}

/** At the issuer, which shows its people by name. */
export async function letIn(page: Page, person: string): Promise<void> {
  await page.getByRole('button', { name: person }).or(page.getByRole('link', { name: person })).click();
}

export async function logIn(page: Page, person: string): Promise<void> {
  await page.goto('./');
  await page.getByRole('button', { name: 'Log in' }).click();
  await letIn(page, person);
  await expect(page.getByRole('radio', { name: 'Open' })).toBeChecked();
}

/** Logs in, takes an order, and opens it. */
export async function work(page: Page, person: string, wish: Wish): Promise<string> {
  await logIn(page, person);
  const task = await anOrder(wish);
  await open(page, task);
  await page.getByRole('button', { name: 'Take this order' }).click();
  return task;
}

export async function open(page: Page, task: string): Promise<void> {
  await page.goto(`./#/orders/${task}`);
  await expect(page.getByRole('heading', { level: 1 })).toContainText(task);
}

export const text = (page: Page, number: number) => page.getByLabel(`Cue ${number}, text`, { exact: true });
export const draftState = (page: Page) => page.locator('.state');

export async function expectSaved(page: Page): Promise<void> {
  await expect(draftState(page)).toHaveText('Saved', { timeout: 10_000 });
}

export async function shoot(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: `${target}/screenshots/${name}.png` });
}

/** What axe finds, by rule and place. What the browser complains of meanwhile is of axe's own doing. */
export async function accessibilityFaults(page: Page, complaints: string[]): Promise<string[]> {
  const before = complaints.length;
  await page.evaluate(axe);
  const faults = await page.evaluate(async () => {
    const { axe } = window as never as { axe: { run: (options: object) => Promise<{ violations: { id: string; nodes: { target: unknown; failureSummary: string }[] }[] }> } };
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    const { violations } = await axe.run({ runOnly: tags });
    return violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id} at ${String(target)}: ${failureSummary}`));
  });
  complaints.splice(before);
  return faults;
}

/** Cues of a talk, one after the other with room between them. */
export function talk(count: number, each_ms = 3_600) {
  return Array.from({ length: count }, (_, index) => ({
    id: `c${index + 1}`,
    start_ms: index * each_ms,
    end_ms: index * each_ms + each_ms - 200,
    text: `This is what is said in cue ${index + 1},\nand how it goes on.`,
    speaker: index % 2 === 0 ? 'Ana' : 'Ben',
  }));
}
