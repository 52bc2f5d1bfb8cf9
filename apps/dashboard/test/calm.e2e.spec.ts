import { existsSync, rmSync } from 'node:fs';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { plainBrowser } from '../../control-plane/test/e2e/trusting-browser.js';
import { privatePostgres, privateRedis } from '../../control-plane/test/engine/private-servers.js';
import { scratchDirectory } from '../../control-plane/test/engine/scratch-directory.js';
import { WrittenRun } from '../../control-plane/test/engine/written-run.js';
import { ApiProcess } from './api-process.js';

/** Pages that do not jump, flicker, chatter or block each other, in a real browser against a real API over HTTP/1.1. */
const story = existsSync('/usr/bin/chromium') ? describe : describe.skip;
if (!existsSync('/usr/bin/chromium'))
  process.stderr.write('SKIPPED: calm pages need Chromium (infra/setup/setup.sh)\n');

const ANSWER_MS = 900;
/** Above this a page counts as one that jumps (Core Web Vitals: good). */
const MOST_SHIFT = 0.1;

story('calm pages', () => {
  const postgres = privatePostgres();
  const redis = privateRedis();
  const state = scratchDirectory();
  let api: ApiProcess;
  let run: WrittenRun;
  let browser: Browser;
  let signedIn: Awaited<ReturnType<BrowserContext['storageState']>>;
  let pages: readonly string[];

  /** Somebody who is signed in, with a browser of their own. */
  const visitor = (options: BrowserContextOptions = {}): Promise<BrowserContext> =>
    browser.newContext({ storageState: signedIn, locale: 'en-GB', viewport: { width: 1440, height: 900 }, ...options });

  beforeAll(async () => {
    api = new ApiProcess({ databaseUrl: postgres.url, redisUrl: redis.url, state });
    await api.start();
    run = await WrittenRun.start(postgres.url, 40);
    browser = await plainBrowser();
    const context = await browser.newContext({ locale: 'en-GB' });
    await api.welcome(await context.newPage());
    signedIn = await context.storageState();
    await context.close();
    pages = ['/', '/stacks', '/catalogue', `/runs/${run.id}`];
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await api?.stop();
    await run?.close();
    rmSync(state, { recursive: true, force: true });
  }, 60_000);

  it('ten tabs of one browser on a run: each is live when it is looked at, and no request waits for another tab', async () => {
    const context = await visitor();
    await context.addInitScript(tabsOfOneWindow);
    let written = 0;
    const live = async (tab: Page): Promise<void> => {
      await tab.getByText(`${written} lines`, { exact: true }).waitFor({ timeout: 5_000 });
      written += 1;
      await run.print([`line ${written}`]);
      await tab.getByText(`line ${written}`, { exact: true }).waitFor({ timeout: 5_000 });
      const waited = await tab.evaluate(async (base) => {
        const from = performance.now();
        await (await fetch(`${base}/api/v1/overview`)).json();
        return performance.now() - from;
      }, api.base);
      expect(waited).toBeLessThan(2_000);
    };
    written += 2;
    await run.print(['line 1', 'line 2']);
    const tabs: Page[] = [];
    for (let at = 0; at < 10; at += 1) {
      const tab = await context.newPage();
      tabs.push(tab);
      await tab.goto(`${api.base}/runs/${run.id}`);
      await tab.locator('section[aria-label="Log"]').waitFor();
    }
    let before: Page | undefined;
    for (const tab of [...tabs.toReversed(), tabs[9]!]) {
      await before?.evaluate(() => show('hidden'));
      await tab.evaluate(() => show('visible'));
      await live(tab);
      before = tab;
    }
    // Two windows side by side.
    await tabs[5]!.evaluate(() => show('visible'));
    await live(tabs[5]!);
    await tabs[9]!.getByText(`line ${written}`, { exact: true }).waitFor({ timeout: 5_000 });
    await context.close();
  }, 120_000);

  it.each([1440, 390])(
    'nothing jumps while a page comes, and who hears it is told once, on %i pixels',
    async (width) => {
      const context = await visitor({ viewport: { width, height: 900 } });
      await slowly(context);
      const page = await context.newPage();
      const shifts: Record<string, number> = {};
      for (const path of pages) {
        await page.goto(api.base + path);
        await page.locator('main [data-on-its-way]').first().waitFor();
        const told = page.getByRole('status').filter({ hasText: 'Loading' });
        await told.waitFor({ state: 'attached' });
        expect(await told.count()).toBe(1);
        // What is only there for the eye is not read out.
        expect(await page.locator('[data-on-its-way]:not([aria-hidden="true"])').count()).toBe(0);
        await told.waitFor({ state: 'detached' });
        await page.locator('main [data-on-its-way]').first().waitFor({ state: 'detached' });
        await page.waitForTimeout(500);
        shifts[path] = await page.evaluate(layoutShift);
      }
      process.stderr.write(`layout shift on ${width} pixels: ${JSON.stringify(shifts)}\n`);
      // What does jump is seen.
      await page.evaluate(() => document.querySelector('main')?.prepend(document.createElement('textarea')));
      await page.waitForTimeout(200);
      expect(await page.evaluate(layoutShift)).toBeGreaterThan(0);
      expect(Object.entries(shifts).filter(([, shift]) => shift >= MOST_SHIFT)).toEqual([]);
      await context.close();
    },
    60_000,
  );

  it('nothing moves for who asked for less motion', async () => {
    const context = await visitor({ reducedMotion: 'reduce' });
    await slowly(context);
    const page = await context.newPage();
    for (const path of pages) {
      await page.goto(api.base + path);
      await page.locator('main [data-on-its-way]').first().waitFor();
      await page.waitForTimeout(200);
      const moving = await page.evaluate(
        () => document.getAnimations().filter((one) => one.playState === 'running').length,
      );
      expect({ path, moving }).toEqual({ path, moving: 0 });
    }
    await context.close();
  }, 60_000);

  it.each([
    ['en', 'No guest of its own'],
    ['de', 'Kein eigener Gast'],
    ['fr', 'Aucun invité en propre'],
  ])(
    'what has no guest of its own says so in words (%s)',
    async (language, words) => {
      const context = await visitor();
      await context.addInitScript((code) => localStorage.setItem('bastide.language', code), language);
      const page = await context.newPage();
      for (const path of [
        '/catalogue',
        '/catalogue/modules/dashboard-sign-in',
        '/catalogue/blueprints/dashboard-sign-in',
        '/catalogue/blueprints/dashboard-sign-in/install',
      ]) {
        await page.goto(api.base + path);
        await page.locator('main').getByText(words).first().waitFor();
        expect(await page.locator('main').textContent()).not.toMatch(/\b0 (guests?|Gäste|Gast|invités?)\b/);
      }
      // It is found from what it is made of, although it goes there by another name.
      await page.goto(`${api.base}/catalogue/modules/dashboard-sign-in`);
      await page.locator('main a[href$="/blueprints/dashboard-sign-in"]').waitFor();
      await context.close();
    },
    60_000,
  );
});

declare const show: (state: 'visible' | 'hidden') => void;

/** A headless browser shows all its tabs at once; here they are shown one by one, and come up in the background. */
function tabsOfOneWindow(): void {
  let now = 'hidden';
  Object.defineProperty(document, 'visibilityState', { get: () => now });
  Object.defineProperty(document, 'hidden', { get: () => now === 'hidden' });
  Object.assign(globalThis, {
    show: (state: string) => {
      if (now === state) return;
      now = state;
      document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
    },
  });
}

/** As over a bad line: what the pages ask for comes late. */
const slowly = (context: BrowserContext): Promise<unknown> =>
  context.route(/\/api\/v1\/(overview|catalogue|runs\/[^/]+)$/, async (route) => {
    await new Promise((go) => setTimeout(go, ANSWER_MS));
    await route.continue();
  });

/** What has moved on the page so far without anybody's doing (cumulative layout shift). */
const layoutShift = (): Promise<number> =>
  new Promise((done) => {
    let sum = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as (PerformanceEntry & { value: number; hadRecentInput: boolean })[])
        if (!entry.hadRecentInput) sum += entry.value;
    }).observe({ type: 'layout-shift', buffered: true });
    setTimeout(() => done(sum), 100);
  });
