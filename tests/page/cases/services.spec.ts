import { anOrder, atMock, expect, expectSaved, isMock, logIn, open, shoot, talk, test, text, work } from './world';

test.skip(!isMock, 'wants orders made for it');

test('a translation is written beside its source, each in its own direction', async ({ page }) => {
  const task = await work(page, 'Ana', { service: 'translation', source: 'en', target: 'ar', cues: talk(3) });
  await expect(text(page, 1)).toHaveAttribute('dir', 'rtl');
  await expect(text(page, 1)).toHaveAttribute('lang', 'ar');
  const source = page.locator('.cue').first().getByRole('group', { name: 'Source' });
  await expect(source).toContainText('This is what is said in cue 1');
  await expect(source).toHaveAttribute('dir', 'ltr');
  await text(page, 1).fill('هذا ما يقال في المقطع الأول');
  await page.keyboard.press('Control+Enter');
  await expect(text(page, 2)).toBeFocused();
  await page.keyboard.type('وهكذا يستمر');
  await expectSaved(page);
  await shoot(page, 'translation');
  expect((await atMock(task)).draft?.[1]).toMatchObject({ text: 'وهكذا يستمر', start_ms: 3_600 });
});

test('a file is put with its checksum, checked, and handed in', async ({ page }) => {
  const task = await work(page, 'Ana', { service: 'audio-description' });
  await expect(page.getByText('Natural pauses')).toBeVisible();
  await page.getByRole('radio', { name: 'Upload a file' }).check();
  const choose = (name: string, content: string) => page.getByLabel('File', { exact: true }).setInputFiles({ name, mimeType: 'text/vtt', buffer: Buffer.from(content) });
  await choose('script.docx', 'no');
  await expect(page.getByRole('alert')).toContainText('not accepted');
  await choose('script.vtt', 'no captions at all');
  await page.getByRole('button', { name: 'Upload and check' }).click();
  await expect(page.getByText('Not handed in: 1 to be put right.')).toBeVisible();
  await shoot(page, 'upload-refused');
  await choose('script.vtt', 'WEBVTT\n\n00:02.000 --> 00:05.000\nA man opens the door.\n');
  await page.getByRole('button', { name: 'Upload and check' }).click();
  await expect(page.getByText('Uploaded: script.vtt')).toBeVisible();
  await page.getByRole('button', { name: 'Hand in' }).click();
  await expect(page.getByText(`Order ${task} was handed in.`)).toBeVisible();
});

test('a sound track of many megabytes is put as it is', async ({ page }) => {
  const task = await work(page, 'Ana', { service: 'dubbing', target: 'es', slow_checks: 1 });
  await page.getByLabel('File', { exact: true }).setInputFiles({ name: 'track.wav', mimeType: 'audio/wav', buffer: Buffer.alloc(12 * 1024 * 1024, 7) });
  await page.getByRole('button', { name: 'Upload and check' }).click();
  // Its check takes longer than an answer may, and is asked for again.
  await expect(page.getByText('A long track takes minutes')).toBeVisible({ timeout: 15_000 });
  await expect(page.getByText('Uploaded: track.wav')).toBeVisible({ timeout: 15_000 });
  await page.getByRole('button', { name: 'Hand in' }).click();
  await expect(page.getByText(`Order ${task} was handed in.`)).toBeVisible();
});

test('the list is filtered by state, service, language and deadline', async ({ page }) => {
  await logIn(page, 'Ben');
  const soon = await anOrder({ service: 'captions', source: 'he', due_in_s: 3_000 });
  const later = await anOrder({ service: 'translation', source: 'en', target: 'he', due_in_s: 200_000 });
  const late = await anOrder({ service: 'captions', source: 'es', due_in_s: -3_600 });
  await page.getByRole('button', { name: 'Refresh' }).click();
  const row = (task: string) => page.getByRole('row').filter({ has: page.getByRole('link', { name: task }) });
  await expect(row(soon)).toBeVisible();
  await expect(row(late)).toContainText('late');
  await page.getByLabel('Language (such as en or he)').fill('he');
  await page.keyboard.press('Enter');
  await expect(row(late)).toHaveCount(0);
  await expect(row(later)).toBeVisible();
  await page.getByLabel('Service').selectOption('translation');
  await expect(row(soon)).toHaveCount(0);
  await page.getByLabel('Service').selectOption('');
  await page.getByLabel('Due within').selectOption('4');
  await expect(row(later)).toHaveCount(0);
  await expect(row(soon)).toBeVisible();
  await shoot(page, 'list');
  await open(page, soon);
  await page.getByRole('button', { name: 'Take this order' }).click();
  await page.getByRole('link', { name: 'All orders' }).click();
  await expect(row(soon)).toHaveCount(0);
  await page.getByRole('radio', { name: 'Mine' }).check();
  await expect(row(soon)).toContainText('you');
});
