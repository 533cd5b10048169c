import type { Page } from '@playwright/test';
import { anOrder, draftState, expect, expectSaved, isMock, letIn, logIn, open, orders, shoot, spoilLogin, talk, test, text } from './world';

/** The people of the issuer: the first two do captions in English, the second translates into Spanish, the third does sound. */
const [ANA, BEN, CHLOE] = ['Ana', 'Ben', 'Chloe'];

/** Hands in, warnings or not. */
async function handIn(page: Page, task: string): Promise<void> {
  const done = page.getByText(`Order ${task} was handed in. Thank you.`);
  const anyway = page.getByRole('button', { name: 'Hand in with these warnings' });
  await page.getByRole('button', { name: 'Hand in' }).click();
  await expect(done.or(anyway)).toBeVisible({ timeout: 20_000 });
  if (await anyway.isVisible()) await anyway.click();
  await expect(done).toBeVisible({ timeout: 20_000 });
}

test('an order in people\'s hands, with all that may come between, from the list to handing in', async ({ browser, page, context }) => {
  test.setTimeout(isMock ? 60_000 : 180_000);
  if (isMock) await anOrder({ service: 'captions', cues: talk(3), due_in_s: -99_999 });
  await logIn(page, ANA);
  await page.getByLabel('Service').selectOption('captions');
  const task = orders.captions?.task ?? process.env.PAGE_TASK ?? (await page.getByRole('rowheader').first().innerText());
  await shoot(page, 'stack-list');

  const others = await browser.newContext();
  const ben = await others.newPage();
  await test.step('two people want the same order, and one gets it', async () => {
    await logIn(ben, BEN);
    await open(ben, task);
    await expect(ben.getByRole('button', { name: 'Take this order' })).toBeVisible();
    await page.getByRole('link', { name: task, exact: true }).click();
    await page.getByRole('button', { name: 'Take this order' }).click();
    await expect(page.getByRole('button', { name: 'Give it back' })).toBeVisible();
    await ben.getByRole('button', { name: 'Take this order' }).click();
    await expect(ben.getByRole('alert')).toHaveText(`${ANA} holds this order now.`);
    await others.close();
  });

  await test.step('the media plays', async () => {
    const video = page.locator('video');
    await expect.poll(() => video.evaluate((element: HTMLVideoElement) => element.readyState), { timeout: 20_000 }).toBeGreaterThan(0);
    await page.keyboard.press('Alt+k');
    await expect.poll(() => video.evaluate((element: HTMLVideoElement) => element.currentTime)).toBeGreaterThan(0.2);
    await page.keyboard.press('Alt+k');
  });

  await test.step('what is typed is saved', async () => {
    await expect(page.getByRole('list', { name: 'Cues' })).toBeAttached();
    // Where no machine could make a draft, a person begins at nothing.
    if ((await page.locator('.cue').count()) === 0) await page.keyboard.press('Alt+a');
    await text(page, 1).fill('Corrected by a person.');
    await expectSaved(page);
    await shoot(page, 'stack-editor');
  });

  await test.step('a connection is lost while one types', async () => {
    await context.setOffline(true);
    await text(page, 1).fill('Corrected without a connection.');
    await expect(draftState(page)).toHaveText(/^No connection/, { timeout: 15_000 });
    await context.setOffline(false);
    await expectSaved(page);
  });

  await test.step('a login expires', async () => {
    await spoilLogin(page);
    await text(page, 1).fill('Corrected with an expired login.');
    const dialog = page.getByRole('dialog', { name: 'Your login has expired' });
    await expect(dialog).toBeVisible({ timeout: 15_000 });
    const opening = context.waitForEvent('page');
    await dialog.getByRole('button', { name: 'Log in' }).click();
    await letIn(await opening, ANA);
    await expect(dialog).toBeHidden({ timeout: 15_000 });
    await expectSaved(page);
  });

  await test.step('the draft is there again after the page was loaded anew', async () => {
    await page.reload();
    await expect(text(page, 1)).toHaveValue('Corrected with an expired login.', { timeout: 15_000 });
  });

  await test.step('it is handed in', async () => {
    await handIn(page, task);
    await shoot(page, 'stack-done');
  });
});

test('a translation of a stack is written beside its source and handed in', async ({ page }) => {
  test.setTimeout(120_000);
  const task = orders.translation?.task;
  test.skip(task === undefined, 'wants a translation of a stack');
  if (task === undefined) return;
  await logIn(page, BEN);
  await open(page, task);
  await page.getByRole('button', { name: 'Take this order' }).click();
  await expect(text(page, 1)).toHaveAttribute('lang', /^es/, { timeout: 15_000 });
  const source = page.locator('.cue').first().getByRole('group', { name: 'Source' });
  await expect(source).toContainText(/\w{3}/);
  // The machine's draft stands beside it; a person changes what it says.
  await expect(text(page, 1)).not.toHaveValue('');
  await text(page, 1).fill('Esto lo ha traducido una persona.');
  await page.keyboard.press('Control+Enter');
  await expect(text(page, 2)).toBeFocused();
  await expectSaved(page);
  await shoot(page, 'stack-translation');
  await handIn(page, task);
});

for (const service of ['dubbing', 'extended-audio-description']) {
  test(`a file is handed in for an order of a stack (${service})`, async ({ page }) => {
    test.setTimeout(120_000);
    const order = orders[service];
    test.skip(order === undefined, `wants an order of a stack: ${service}`);
    if (order === undefined) return;
    await logIn(page, CHLOE);
    await open(page, order.task);
    await page.getByRole('button', { name: 'Take this order' }).click();
    const file = page.getByLabel('File', { exact: true });
    const way = page.getByRole('radio', { name: 'Upload a file' });
    await expect(file.or(way)).toBeVisible({ timeout: 15_000 });
    if (await way.isVisible()) await way.check();
    await file.setInputFiles(order.file);
    await page.getByRole('button', { name: 'Upload and check' }).click();
    await expect(page.getByText(/^Uploaded: /)).toBeVisible({ timeout: 30_000 });
    await shoot(page, `stack-${service}`);
    await handIn(page, order.task);
  });
}
