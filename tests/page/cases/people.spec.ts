import { anOrder, atMock, draftState, expect, expectSaved, isMock, letIn, logIn, open, shoot, spoilLogin, talk, test, text, withdraw, work } from './world';

test.skip(!isMock, 'wants orders made for it');

test('two people can\'t take one order; what one gives back, the other goes on with', async ({ browser, page }) => {
  await logIn(page, 'Ana');
  const task = await anOrder({ service: 'captions', cues: talk(3) });
  const others = await browser.newContext();
  const ben = await others.newPage();
  await logIn(ben, 'Ben');
  await open(ben, task);
  await expect(ben.getByRole('button', { name: 'Take this order' })).toBeVisible();

  await open(page, task);
  await page.getByRole('button', { name: 'Take this order' }).click();
  await text(page, 1).fill('Ana was here.');
  await expectSaved(page);

  await ben.getByRole('button', { name: 'Take this order' }).click();
  await expect(ben.getByRole('alert')).toHaveText('Ana holds this order now.');
  await expect(ben.locator('.cue')).toHaveCount(0);
  await shoot(ben, 'held-by-another');

  await page.getByRole('button', { name: 'Hold for 8 hours more' }).click();
  await expect(page.getByText(/^Held until /)).toBeVisible();
  await page.getByRole('button', { name: 'Give it back' }).click();
  await expect(page.getByText('The order was given back.')).toBeVisible();
  await ben.getByRole('button', { name: 'Take this order' }).click();
  await expect(text(ben, 1)).toHaveValue('Ana was here.');
  await others.close();
});

test('who rejects an order says why, and others read it', async ({ page }) => {
  const task = await work(page, 'Ana', { service: 'captions' });
  await page.getByRole('button', { name: 'Reject…' }).click();
  await page.getByLabel('Reason').fill('The sound breaks off.');
  await page.getByRole('button', { name: 'Reject the order' }).click();
  await expect(page.getByText('The order was rejected.')).toBeVisible();
  expect((await atMock(task)).state).toBe('open');
});

test('a stale save overwrites nothing: both drafts are shown, and one is made of both', async ({ page, context }) => {
  const task = await work(page, 'Ana', { service: 'captions', cues: talk(4) });
  await expect(text(page, 1)).toBeVisible();
  const second = await context.newPage();
  await logIn(second, 'Ana');
  await open(second, task);
  await text(second, 1).fill('From the second window.');
  await text(second, 2).fill('Theirs, in both.');
  await expectSaved(second);

  await text(page, 2).fill('Mine, in both.');
  await text(page, 3).fill('From the first window.');
  const dialog = page.getByRole('dialog', { name: 'There are two drafts' });
  await expect(dialog).toBeVisible({ timeout: 10_000 });
  expect((await atMock(task)).draft?.map((cue) => cue.text)[1]).toBe('Theirs, in both.');
  await expect(dialog.getByText('Theirs, in both.')).toBeVisible();
  await expect(dialog.getByText('Mine, in both.')).toBeVisible();
  await expect(dialog.getByRole('group')).toHaveCount(3);
  await shoot(page, 'two-drafts');
  await dialog.getByRole('group').nth(1).getByRole('radio', { name: /^The other one/ }).check();
  await dialog.getByRole('button', { name: 'Go on with what is chosen' }).click();
  await expectSaved(page);
  const texts = (await atMock(task)).draft?.map((cue) => cue.text).slice(0, 3);
  expect(texts).toEqual(['From the second window.', 'Theirs, in both.', 'From the first window.']);
  await page.locator('.tools').getByRole('button', { name: 'Undo' }).click();
  await expect(text(page, 2)).toHaveValue('Mine, in both.');
});

test('a lost connection keeps what is typed on the machine, even if the window is closed, and saves it later', async ({ page, context }) => {
  const task = await work(page, 'Ana', { service: 'captions', cues: talk(3) });
  await text(page, 1).fill('Before.');
  await expectSaved(page);
  await context.setOffline(true);
  await text(page, 1).fill('While the connection was lost.');
  await expect(draftState(page)).toHaveText(/^No connection/, { timeout: 10_000 });
  await shoot(page, 'no-connection');
  await text(page, 2).fill('And more of it.');
  await context.setOffline(false);
  await expectSaved(page);
  expect((await atMock(task)).draft?.map((cue) => cue.text).slice(0, 2)).toEqual(['While the connection was lost.', 'And more of it.']);

  await context.setOffline(true);
  await text(page, 1).fill('Typed just before the window was closed.');
  await expect(draftState(page)).toHaveText(/^No connection/, { timeout: 10_000 });
  await page.close();
  await context.setOffline(false);
  const next = await context.newPage();
  await logIn(next, 'Ana');
  await open(next, task);
  await expect(text(next, 1)).toHaveValue('Typed just before the window was closed.');
  await expect(next.getByText('What you had typed on this machine was brought back.')).toBeVisible();
  await expectSaved(next);
});

test('a login that expires is renewed in a window of its own, without losing text', async ({ page, context }) => {
  await work(page, 'Ana', { service: 'captions', cues: talk(3) });
  await expect(text(page, 1)).toBeVisible();
  await spoilLogin(page);
  await text(page, 1).fill('Typed with an expired login.');
  const dialog = page.getByRole('dialog', { name: 'Your login has expired' });
  await expect(dialog).toBeVisible({ timeout: 10_000 });
  await shoot(page, 'login-expired');
  const opening = context.waitForEvent('page');
  await dialog.getByRole('button', { name: 'Log in' }).click();
  const issuer = await opening;
  const closed = issuer.waitForEvent('close');
  await letIn(issuer, 'Ana');
  await closed;
  await expect(dialog).toBeHidden();
  await expect(text(page, 1)).toHaveValue('Typed with an expired login.');
  await expectSaved(page);
});

test('a login that the issuer renews by itself is renewed without a word', async ({ page }) => {
  await work(page, 'Ana', { service: 'captions', cues: talk(3) });
  await expect(text(page, 1)).toBeVisible();
  await page.evaluate(() => {
    const tokens = JSON.parse(sessionStorage.getItem('reach.tokens') ?? '{}') as object;
    sessionStorage.setItem('reach.tokens', JSON.stringify({ ...tokens, access: 'expired' }));
  });
  await text(page, 1).fill('Typed with an old token.');
  await expectSaved(page);
  await expect(page.getByRole('dialog')).toHaveCount(0);
});

test('who logs out is out', async ({ page }) => {
  await logIn(page, 'Ana');
  await page.getByRole('button', { name: 'Log out' }).click();
  await expect(page.getByRole('button', { name: 'Log in' })).toBeVisible();
  expect(await page.evaluate(() => Object.keys(sessionStorage).length + Object.keys(localStorage).length)).toBe(0);
});

test('an order that the customer withdraws says so to who holds it, and keeps the text', async ({ page }) => {
  const task = await work(page, 'Ana', { service: 'captions', cues: talk(3) });
  await expect(text(page, 1)).toBeVisible();
  await withdraw(task);
  await text(page, 1).fill('Too late.');
  await expect(page.getByRole('alert')).toHaveText('The customer has withdrawn this order. There is nothing more to do.', { timeout: 10_000 });
  await expect(text(page, 1)).toHaveValue('Too late.');
  await expect(text(page, 1)).toHaveJSProperty('readOnly', true);
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Save a copy of my text (WebVTT)' }).click();
  expect((await download).suggestedFilename()).toBe(`${task}.vtt`);
});

test('what one window could not save, another window of the same person does not forget', async ({ page, context }) => {
  const task = await work(page, 'Ana', { service: 'captions', cues: talk(3) });
  await expect(text(page, 1)).toBeVisible();
  await page.route('**/draft', (route) => route.abort('internetdisconnected'));
  await text(page, 1).fill('In the first window, without a connection.');
  await expect(draftState(page)).toHaveText(/^No connection/, { timeout: 10_000 });
  const second = await context.newPage();
  await logIn(second, 'Ana');
  await open(second, task);
  await text(second, 2).fill('In the second window, saved.');
  await expectSaved(second);
  await page.close();
  await second.reload();
  const dialog = second.getByRole('dialog', { name: 'There are two drafts' });
  await expect(dialog.getByText('In the first window, without a connection.')).toBeVisible({ timeout: 10_000 });
  await dialog.getByRole('button', { name: 'Go on with what is chosen' }).click();
  await expectSaved(second);
  expect((await atMock(task)).draft?.map((cue) => cue.text).slice(0, 2)).toEqual(['In the first window, without a connection.', 'In the second window, saved.']);
});

test('an order that a supervisor gave back can be taken again, with what was typed', async ({ browser, page }) => {
  const task = await work(page, 'Ana', { service: 'captions', cues: talk(3) });
  await expect(text(page, 1)).toBeVisible();
  const others = await browser.newContext();
  const cleo = await others.newPage();
  await logIn(cleo, 'Cleo');
  await open(cleo, task);
  await cleo.getByRole('button', { name: 'Give it back' }).click();
  await expect(cleo.getByText('The order was given back.')).toBeVisible();
  await others.close();
  await text(page, 1).fill('Typed after it was given back.');
  await expect(page.getByRole('alert')).toContainText('This order is no longer yours', { timeout: 10_000 });
  await expect(text(page, 1)).toHaveJSProperty('readOnly', true);
  await page.getByRole('button', { name: 'Take this order' }).click();
  await expect(text(page, 1)).toHaveJSProperty('readOnly', false);
  await expect(text(page, 1)).toHaveValue('Typed after it was given back.');
  await expectSaved(page);
  expect((await atMock(task)).draft?.[0]?.text).toBe('Typed after it was given back.');
});
