import type { Browser, BrowserContext, Page } from 'playwright-core';
import { trustingBrowser } from '../../../control-plane/test/e2e/trusting-browser.js';
import { type Day, PASSWORD } from '../day.js';
import { press, type } from '../keyboard.js';

/** Journey 1: what `npm run demo` prints leads to a stack that is there, and to its app in a browser, signed in. */
export function tryIt(day: Day): void {
  describe('the demo of a whole office', () => {
    let browser: Browser;
    let password = '';

    beforeAll(async () => {
      await day.demo.stop();
      await day.demo.start('team', 9);
      password = /directory\s+admin\s+(\S{12,})/.exec(day.demo.output)?.[1] ?? '';
      const { instances } = (await day.demo.cli('stack', 'show', 'team')).json();
      const gateway = instances.find((entry: { name: string }) => entry.name === 'gateway').guests[0].address;
      browser = await trustingBrowser(await day.demo.caCertificate(), '*.demo.test', gateway);
    }, 10 * 60_000);
    afterAll(() => browser?.close());

    const visitor = async (): Promise<{ context: BrowserContext; page: Page }> => {
      const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-GB' });
      return { context, page: await context.newPage() };
    };

    it('prints where everything is: the dashboard, the app, the first password', () => {
      expect(day.demo.output).toContain(`Dashboard`);
      expect(day.demo.output).toContain(day.base);
      expect(day.demo.output).toContain('https://wiki.demo.test');
      expect(password.length).toBeGreaterThan(11);
    });

    it('leads by mouse from the printed address to the app, signed in', async () => {
      const { context, page } = await visitor();
      await page.goto(/Dashboard\s+(http:\S+)/.exec(day.demo.output)?.[1] ?? '');
      await page.getByLabel(/^Name/).fill('admin');
      await page.getByLabel(/^Password/).fill(PASSWORD);
      await page.getByRole('button', { name: 'Sign in', exact: true }).click();
      const [app] = await Promise.all([
        context.waitForEvent('page'),
        page.locator('main').getByRole('link', { name: 'Wiki', exact: true }).first().click(),
      ]);
      await app.fill('input[name=user]', 'admin');
      await app.fill('input[name=password]', password);
      await Promise.all([app.waitForURL('https://wiki.demo.test/**'), app.click('button[type=submit]')]);
      expect(await app.title()).toContain('Wiki');
      await context.close();
    }, 60_000);

    it('leads there by keyboard alone', async () => {
      const { context, page } = await visitor();
      await page.goto(day.base);
      await page.getByRole('button', { name: 'Sign in', exact: true }).waitFor();
      await type(page, /^Name/, 'admin');
      await type(page, /^Password/, PASSWORD);
      await page.keyboard.press('Enter');
      await page.locator('main').getByRole('link', { name: 'Wiki', exact: true }).first().waitFor();
      const opened = context.waitForEvent('page');
      await press(page, /^Wiki$/);
      const app = await opened;
      await app.locator('input[name=user]').waitFor();
      await app.locator('input[name=user]').focus();
      await app.keyboard.type('admin');
      await app.keyboard.press('Tab');
      await app.keyboard.type(password);
      await Promise.all([app.waitForURL('https://wiki.demo.test/**'), app.keyboard.press('Enter')]);
      expect(await app.title()).toContain('Wiki');
      await context.close();
    }, 60_000);

    it('shows the first passwords once they are asked for, and that goes into the audit', async () => {
      await day.page.goto(`${day.base}/stacks`);
      await day.main().getByRole('link', { name: /team/ }).first().click();
      await day.page.waitForURL('**/stacks/**');
      day.team = day.page.url();
      await day.click(/Show the first passwords/);
      expect(await day.main().locator('[data-credentials] code').first().textContent()).toBe(password);
      const { latestRun } = (await day.demo.cli('stack', 'list')).json()[0];
      day.run = `${day.base}/runs/${latestRun.id}`;
      await day.page.goto(`${day.base}/audit`);
      await day.main().getByText('Secret shown').first().waitFor();
    }, 60_000);
  });
}
