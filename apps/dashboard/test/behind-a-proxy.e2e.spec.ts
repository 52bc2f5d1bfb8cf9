import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { plainBrowser } from '../../control-plane/test/e2e/trusting-browser.js';
import { privatePostgres, privateRedis } from '../../control-plane/test/engine/private-servers.js';
import { WrittenRun } from '../../control-plane/test/engine/written-run.js';
import { ApiProcess, PASSWORD } from './api-process.js';
import { axeFindings } from './axe.js';
import { PathProxy } from './path-proxy.js';

/**
 * The pages where life is hard: below a path of a reverse proxy that cuts long answers, with a control plane that restarts, a
 * session that ends, a tab that sleeps. The log is written by the test, as a worker writes it.
 */
const possible = existsSync('/usr/bin/chromium');
const story = possible ? describe : describe.skip;
if (!possible) process.stderr.write('SKIPPED: the pages behind a proxy need Chromium (infra/setup/setup.sh)\n');

const STEPS = 300;

story('the dashboard behind a reverse proxy under a path', () => {
  const postgres = privatePostgres();
  const redis = privateRedis();
  let state = '';
  let plane: ApiProcess;
  let proxy: PathProxy;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let base = '';
  let run: WrittenRun;
  let written = 0;
  const faults: string[] = [];

  /** Lines of a step that runs, numbered. */
  const print = async (count: number): Promise<void> => {
    const texts = Array.from({ length: count }, (_, at) => `line <b>${written + at}</b>`);
    written += count;
    await run.print(texts);
  };
  const log = () => page.locator('section[aria-label="Log"]');
  /** Every line that was printed, once and in order. */
  const sees = async (): Promise<void> => {
    await log()
      .getByText(`line <b>${written - 1}</b>`, { exact: true })
      .waitFor({ timeout: 20_000 });
    await page.getByText(`${written} lines`, { exact: true }).waitFor({ timeout: 5_000 });
    const texts = await log().locator('bdi').allTextContents();
    const numbers = texts.map((text) => Number(/<b>(\d+)<\/b>/.exec(text)?.[1]));
    expect(numbers).toEqual(numbers.map((_, at) => written - numbers.length + at));
  };
  const barriers = (): Promise<readonly string[]> => axeFindings(page);
  const lost = () => page.getByText('The connection to the control plane is lost');

  beforeAll(async () => {
    state = mkdtempSync(join(tmpdir(), 'bastide-proxy-'));
    plane = new ApiProcess({ databaseUrl: postgres.url, redisUrl: redis.url, state });
    await plane.start();
    run = await WrittenRun.start(postgres.url, STEPS);
    proxy = new PathProxy('/bastide', plane.port);
    base = `${await proxy.start()}/bastide`;
    browser = await plainBrowser();
    context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB' });
    page = await context.newPage();
    page.on('pageerror', (error) => faults.push(error.message));
    page.on('console', (line) => /Content.Security|Refused/i.test(line.text()) && faults.push(line.text()));
  }, 90_000);

  afterAll(async () => {
    await browser?.close();
    await proxy?.stop();
    await plane?.stop();
    await run?.close();
    rmSync(state, { recursive: true, force: true });
  }, 60_000);

  it('the first visitor comes in, and everything stays below the path', async () => {
    await plane.welcome(page, base);
    await page.getByRole('link', { name: 'Runs' }).first().click();
    await page.waitForURL(`${base}/runs`);
    const [cookie] = await context.cookies();
    // Other products of the same host have no business with it.
    expect(cookie).toMatchObject({ name: 'bastide_session', path: '/bastide/', httpOnly: true, sameSite: 'Lax' });
    expect(proxy.strays.filter((path) => path !== '/favicon.ico')).toEqual([]);
  }, 60_000);

  it('a graph of the catalogue is drawn below the path, with room on every screen', async () => {
    for (const width of [1440, 390]) {
      await page.setViewportSize({ width, height: 900 });
      await page.goto(`${base}/catalogue/blueprints/team`);
      const graph = page.getByRole('figure').first();
      await graph.locator('[data-node]').first().waitFor();
      if (process.env['E2E_SCREENSHOTS'])
        await page.screenshot({ path: join(process.env['E2E_SCREENSHOTS'], `graph-${width}.png`), fullPage: true });
      expect(await barriers()).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
      const sizeOf = async () => (await graph.locator('[data-node]').first().boundingBox())?.width ?? 0;
      const before = await sizeOf();
      await graph.getByRole('button', { name: 'Larger' }).click();
      expect(await sizeOf()).toBeGreaterThan(before);
      await graph.getByRole('button', { name: 'Show all of it' }).click();
      expect(await sizeOf()).toBeLessThanOrEqual(before);
    }
    await page.setViewportSize({ width: 1440, height: 900 });
  }, 60_000);

  it('a deep link shows the run as it is, with the log as it grows, also on a second device', async () => {
    await print(30);
    await page.goto(`${base}/runs/${run.id}`);
    await sees();
    await print(30);
    await sees();
    const other = await context.newPage();
    await other.goto(`${base}/runs/${run.id}`);
    await other.getByText(`${written} lines`, { exact: true }).waitFor();
    await print(5);
    await other.getByText(`${written} lines`, { exact: true }).waitFor();
    await other.close();
    await page.reload();
    await sees();
  }, 60_000);

  it('a run of many steps is without barriers, as a graph and as a table', async () => {
    for (const [width, height] of [
      [1440, 900],
      [390, 844],
    ] as const) {
      await page.setViewportSize({ width, height });
      for (const view of ['Graph', 'Table'] as const) {
        await page.getByText(view, { exact: true }).first().click();
        await page
          .locator(view === 'Graph' ? '[data-node]' : '[data-step]')
          .first()
          .waitFor();
        const found = await barriers();
        expect({ width, view, found }).toEqual({ width, view, found: [] });
      }
    }
    await page.setViewportSize({ width: 1440, height: 900 });
    // Not all rows are drawn, yet a reader hears how many there are, and the keyboard reaches the last one.
    expect(await page.locator('table[aria-rowcount]').getAttribute('aria-rowcount')).toBe(`${STEPS + 1}`);
    expect(await page.locator('[data-step]').count()).toBeLessThan(60);
    await page.getByRole('group', { name: 'Steps' }).focus();
    await page.keyboard.press('End');
    await page.locator(`[data-step="s${STEPS - 1}"]`).waitFor();
  }, 60_000);

  it('goes on where it was when the proxy cuts its stream, without alarm', async () => {
    proxy.cutAfterMs = 1_500;
    await page.reload();
    await sees();
    for (let round = 0; round < 12; round += 1) {
      await print(3);
      await delay(300);
      expect(await lost().count()).toBe(0);
    }
    await sees();
    expect(proxy.cut).toBeGreaterThan(1);
  }, 60_000);

  it('has every line after it slept', async () => {
    const cdp = await context.newCDPSession(page);
    await cdp.send('Page.setWebLifecycleState', { state: 'frozen' });
    for (let round = 0; round < 8; round += 1) {
      await print(20);
      await delay(300);
    }
    await cdp.send('Page.setWebLifecycleState', { state: 'active' });
    await sees();
  }, 60_000);

  it('says that the control plane is away, and goes on by itself when it is back', async () => {
    await plane.stop();
    await lost().waitFor({ timeout: 20_000 });
    await print(10);
    await plane.start();
    await sees();
    await lost().waitFor({ state: 'detached' });
  }, 60_000);

  it('asks again when the session has ended, and then goes on where it was', async () => {
    await run.endSessions();
    const password = page.getByRole('dialog').getByLabel('Password', { exact: false }).first();
    await password.waitFor({ timeout: 20_000 });
    await print(10);
    await password.fill(PASSWORD);
    await password.press('Enter');
    await password.waitFor({ state: 'detached' });
    expect(page.url()).toBe(`${base}/runs/${run.id}`);
    await sees();
    expect(faults).toEqual([]);
    expect(proxy.strays.filter((path) => path !== '/favicon.ico')).toEqual([]);
  }, 60_000);

  it('lets who reads in the log read, and follows again from its end', async () => {
    const follow = page.getByRole('switch', { name: 'Follow' });
    expect(await follow.isChecked()).toBe(true);
    await log().hover();
    await page.mouse.wheel(0, -400);
    await page.waitForFunction(() => !document.querySelector<HTMLInputElement>('input[role="switch"]')?.checked);
    const top = await log().evaluate((element) => element.scrollTop);
    await print(20);
    await page.getByText(`${written} lines`, { exact: true }).waitFor();
    expect(await log().evaluate((element) => element.scrollTop)).toBe(top);
    await page.mouse.wheel(0, 100_000);
    await page.waitForFunction(() => document.querySelector<HTMLInputElement>('input[role="switch"]')?.checked);
    await print(1);
    await sees();
  }, 60_000);

  it('shows lines as they are, whatever they hold and however long they are', async () => {
    const hostile = ['<script>document.title = "theirs"</script>', '\u001b[2J\u001b]0;theirs\u0007clear', 'a\u202eb'];
    const long = `long ${'x'.repeat(1_000_000)} end`;
    await run.print([...hostile, long]);
    await log().getByText('<script>').waitFor();
    expect(await log().getByText('clear', { exact: true }).count()).toBe(1);
    expect(await log().getByText('a⟨U+202E⟩b', { exact: true }).count()).toBe(1);
    expect(await log().locator('bdi').last().textContent()).toHaveLength(2_002);
    await log()
      .getByRole('button', { name: /Show all/ })
      .click();
    expect((await page.getByRole('dialog').locator('pre').textContent())?.endsWith('x end')).toBe(true);
    await page.keyboard.press('Escape');
    await page.getByLabel('Search the log').fill('xx end');
    await page.getByText('one line', { exact: true }).waitFor();
    expect(await page.title()).not.toContain('theirs');
    expect(faults).toEqual([]);
  }, 60_000);
});
