import { atMock, draftState, expect, expectSaved, isMock, shoot, test, text, work } from './world';

test.skip(!isMock, 'wants orders made for it');

test('a person does a whole order, from the list to handing in', async ({ page }) => {
  const task = await work(page, 'Ana', {
    service: 'captions',
    notes: 'Dr. Mueller speaks first. <b>Please</b> <img src=x onerror="document.title=1"> keep it verbatim.',
    dictionary: ['Kaltura', 'River Project'],
    cues: [
      { id: 'a', start_ms: 1_000, end_ms: 4_000, text: 'Good morning, and welcome to kaltura.' },
      { id: 'b', start_ms: 4_200, end_ms: 8_000, text: 'The river project began in May. It goes on.' },
      { id: 'c', start_ms: 9_000, end_ms: 12_000, text: 'It has come a very long way since the day that it began.' },
      { id: 'd', start_ms: 12_500, end_ms: 15_000, text: 'Thank you.' },
    ],
  });
  await expect(text(page, 1)).toBeVisible();

  await test.step('the customer\'s notes are text', async () => {
    await expect(page.locator('.brief .text').first()).toContainText('<b>Please</b> <img src=x');
    expect(await page.locator('.brief b, .brief img').count()).toBe(0);
  });

  await test.step('the media plays by key, and cues take its time', async () => {
    await text(page, 1).focus();
    const at = () => page.locator('video').evaluate((video: HTMLVideoElement) => video.currentTime);
    await expect.poll(() => page.locator('video').evaluate((video: HTMLVideoElement) => video.readyState)).toBeGreaterThan(0);
    await page.keyboard.press('Alt+k');
    await expect.poll(at).toBeGreaterThan(0.3);
    await page.keyboard.press('Alt+k');
    await page.locator('video').evaluate((video: HTMLVideoElement) => (video.currentTime = 1.5));
    await page.keyboard.press('Alt+i');
    await expect(page.getByLabel('Cue 1, in')).toHaveValue('0:01.500');
    await page.keyboard.press('Alt+l');
    await expect.poll(at).toBeCloseTo(3.5, 1);
    await page.keyboard.press('Alt+o');
    await expect(page.getByLabel('Cue 1, out')).toHaveValue('0:03.500');
  });

  await test.step('the waveform is drawn from peaks, with the cue on it', async () => {
    await expect(page.locator('.wave canvas').first()).toBeAttached();
    await expect.poll(() => page.locator('.wave [part~="region"]').count()).toBeGreaterThan(0);
  });

  await test.step('spelling goes by the dictionary', async () => {
    await page.getByRole('button', { name: '“kaltura” → Kaltura' }).click();
    await expect(text(page, 1)).toHaveValue('Good morning, and welcome to Kaltura.');
    await page.getByRole('button', { name: '“river project” → River Project' }).click();
    await expect(text(page, 2)).toHaveValue('The River Project began in May. It goes on.');
  });

  await test.step('a cue is split at the caret, and merged again', async () => {
    await text(page, 2).focus();
    await text(page, 2).evaluate((area: HTMLTextAreaElement) => area.setSelectionRange(31, 31));
    await page.keyboard.press('Alt+s');
    await expect(text(page, 2)).toHaveValue('The River Project began in May.');
    await expect(text(page, 3)).toHaveValue('It goes on.');
    await expect(text(page, 3)).toBeFocused();
    await page.keyboard.press('Alt+ArrowUp');
    await expect(text(page, 2)).toBeFocused();
    await page.keyboard.press('Alt+m');
    await expect(text(page, 2)).toHaveValue('The River Project began in May.\nIt goes on.');
  });

  await test.step('limits are told while one types, and undone with it', async () => {
    await text(page, 4).focus();
    await page.keyboard.press('End');
    await page.keyboard.type(' And a line that is far too long for anybody to read');
    const row = page.locator('.cue').filter({ has: text(page, 4) });
    await expect(row.locator('[data-limit=line_too_long]')).toBeVisible();
    await expect(row.locator('[data-limit=too_fast]')).toBeVisible();
    await page.keyboard.press('Control+z');
    await expect(text(page, 4)).toHaveValue('Thank you.');
    await page.keyboard.press('Control+y');
    await expect(text(page, 4)).not.toHaveValue('Thank you.');
    await page.keyboard.press('Control+z');
    await expect(row.locator('[data-limit=line_too_long]')).toHaveCount(0);
  });

  await test.step('a speaker is named, and a text is searched and replaced', async () => {
    await page.getByLabel('Cue 1, speaker').fill('Dr. Mueller');
    await text(page, 1).focus();
    await page.keyboard.press('Control+f');
    await page.getByLabel('Search', { exact: true }).fill('it');
    await page.getByLabel('Whole words').check();
    await page.getByRole('button', { name: 'Find next' }).click();
    await expect(page.getByText('Found: 3')).toBeVisible();
    await page.getByLabel('Replace by').fill('this');
    await page.getByRole('button', { name: 'Replace all' }).click();
    await expect(text(page, 3)).toHaveValue('this has come a very long way since the day that this began.');
    await page.getByRole('button', { name: 'Close' }).click();
    await page.keyboard.press('Control+z');
    await expect(text(page, 3)).toHaveValue('It has come a very long way since the day that it began.');
  });

  await test.step('the draft saves itself', async () => {
    await expectSaved(page);
    expect((await atMock(task)).draft?.[0]).toMatchObject({ text: 'Good morning, and welcome to Kaltura.', speaker: 'Dr. Mueller', start_ms: 1_500 });
  });
  await shoot(page, 'editor');

  await test.step('an error refuses, at its cue; warnings show', async () => {
    await text(page, 4).fill('');
    await page.getByRole('button', { name: 'Hand in' }).click();
    await expect(page.getByText('Not handed in: 1 to be put right.')).toBeVisible();
    await expect(text(page, 4)).toBeFocused();
    const row = page.locator('.cue').filter({ has: text(page, 4) });
    await expect(row.locator('[data-finding]').first()).toBeVisible();
    await shoot(page, 'refused');
    await page.keyboard.type('Thank you all.');
    await page.getByRole('button', { name: 'Hand in' }).click();
    await expect(page.getByRole('button', { name: 'Hand in with these warnings' })).toBeVisible();
    await expect(page.getByText('to look at: 1')).toBeVisible();
  });

  await page.getByRole('button', { name: 'Hand in with these warnings' }).click();
  await expect(page.getByText(`Order ${task} was handed in. Thank you.`)).toBeVisible();
  expect((await atMock(task)).state).toBe('HandedIn');
  await expect(draftState(page)).toHaveCount(0);
});
