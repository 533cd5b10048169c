import { accessibilityFaults, anOrder, expect, isMock, logIn, open, shoot, spoilLogin, talk, test, text } from './world';

test.skip(!isMock, 'wants orders made for it');

for (const language of ['en', 'ar'] as const) {
  test(`axe finds nothing in any view (${language})`, async ({ page, complaints }) => {
      const check = async (view: string): Promise<void> => {
      await shoot(page, `${language}-${view}`);
      expect(await accessibilityFaults(page, complaints), view).toEqual([]);
    };
    await page.goto('./');
    await expect(page.getByRole('button', { name: 'Log in' })).toBeVisible();
    await check('login');
    await logIn(page, 'Ana');
    const task = await anOrder({
      service: 'translation',
      target: 'he',
      notes: 'Please keep it short.',
      dictionary: ['Kaltura'],
      cues: talk(30),
    });
    if (language === 'ar') {
      await page.getByLabel('Language of the page').selectOption('ar');
      await expect(page.locator('html')).toHaveAttribute('dir', 'rtl');
      await expect(page.locator('html')).toHaveAttribute('lang', 'ar');
    }
    const [refresh, take, write, keys, close, reject, cancel, find, check_word, upload] =
      language === 'en'
        ? ['Refresh', 'Take this order', 'Write', 'Keyboard', 'Close', 'Reject…', 'Cancel', 'Search and replace', 'Check', 'Upload a file']
        : ['تحديث', 'خذ هذا الطلب', 'كتابة', 'لوحة المفاتيح', 'إغلاق', 'رفض…', 'إلغاء', 'بحث واستبدال', 'افحص', 'رفع ملف'];
    const button = (name = '') => page.getByRole('button', { name, exact: true });
    await button(refresh).click();
    await expect(page.getByRole('link', { name: task })).toBeVisible();
    await check('list');
    await page.goto(`./#/orders/${task}`);
    await expect(button(take)).toBeVisible();
    await check('order');
    await button(take).click();
    await expect(page.locator('.cue textarea').first()).toBeVisible();
    await expect(page.locator('.wave canvas').first()).toBeAttached();
    const first = page.locator('.cue textarea').first();
    await first.fill('kaltura and a line that is far too long for anybody at all to read it');
    await button(check_word).click();
    await expect(page.locator('.findings li').first()).toBeVisible();
    await check('editor');
    await button(find).click();
    await check('search');
    await button(close).click();
    await button(keys).click();
    await check('keys');
    await button(close).click();
    await button(reject).click();
    await check('reject');
    await button(cancel).click();
    await page.getByRole('radio', { name: upload }).check();
    await check('upload');
    await page.getByRole('radio', { name: write }).check();
    await spoilLogin(page);
    await first.fill('x');
    await expect(page.getByRole('dialog')).toBeVisible({ timeout: 10_000 });
    await check('expired');
  });
}

test('an order can be done by keyboard alone', async ({ page }) => {
  await logIn(page, 'Ana');
  const task = await anOrder({ service: 'captions', cues: talk(3) });
  await open(page, task);
  const reach = async (name: string): Promise<void> => {
    for (let press = 0; press < 40; press += 1) {
      await page.keyboard.press('Tab');
      const focused = await page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent ?? '');
      if (focused === name) return;
    }
    throw new Error(`${name} is not reached by Tab`);
  };
  await reach('Take this order');
  await page.keyboard.press('Enter');
  await expect(text(page, 1)).toBeVisible();
  await reach('Next problem');
  await reach('Cue 1, text');
  await page.keyboard.press('Alt+ArrowDown');
  await expect(text(page, 2)).toBeFocused();
  await page.keyboard.press('Alt+Delete');
  await expect(page.locator('.cue')).toHaveCount(2);
  await expect(page.getByText('Cue 2 was deleted')).toBeAttached();
  await page.keyboard.press('Control+z');
  await expect(page.locator('.cue')).toHaveCount(3);
});
