import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { Demo } from '../../control-plane/test/e2e/demo.js';
import { plainBrowser, trustingBrowser } from '../../control-plane/test/e2e/trusting-browser.js';
import { domainJourney } from './domain-journey.js';
import { press, tabTo, type } from './keyboard.js';

/**
 * The admin's day at the dashboard, in a real browser against real guests: by mouse from the first visit to the removal,
 * then by keyboard alone. E2E_SCREENSHOTS=folder keeps pictures of every screen.
 */
const possible = process.getuid?.() === 0 && existsSync('/usr/bin/lxc-start') && existsSync('/usr/bin/chromium');
const story = possible ? describe : describe.skip;
if (!possible)
  process.stderr.write('SKIPPED: the dashboard’s journeys need root, LXC and Chromium (infra/setup/setup.sh)\n');

const AXE = readFileSync('node_modules/axe-core/axe.min.js', 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'];
const PASSWORD = 'correct horse battery';

story('the dashboard', () => {
  const demo = new Demo(`dash${process.pid % 1000}`, 100 + ((process.pid + 31) % 100));
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let base = '';
  let setUp = '';
  let stack = '';
  let run = '';
  const faults: string[] = [];

  beforeAll(async () => {
    await demo.start('none', 6);
    base = `http://127.0.0.1:${demo.port}`;
    setUp = /http:\/\/\S+#setup=\S+/.exec(demo.output)?.[0] ?? '';
    browser = await plainBrowser();
    context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB' });
    page = await context.newPage();
    page.on('pageerror', (error) => faults.push(`${page.url()}: ${error.message}`));
    page.on('console', (line) => line.type() === 'error' && faults.push(`${page.url()}: ${line.text()}`));
  }, 8 * 60_000);

  afterAll(async () => {
    await browser?.close();
    await demo.clear();
  }, 5 * 60_000);

  const main = () => page.locator('main');
  const click = (name: RegExp) => main().getByRole('button', { name }).first().click();
  /** The run that is on the screen: waits for its end, which must be that one. */
  const runEnds = async (state: string, minutes: number) => {
    const told = main().getByText(/^\d+ of \d+ steps done in/);
    await told.first().waitFor({ timeout: minutes * 60_000 });
    expect(await main().locator('.mantine-Badge-root').first().textContent()).toBe(state);
  };

  interface SeenGuest {
    readonly node: string;
    readonly vmid: number;
    readonly memoryMiB: number;
    readonly rootGiB: number;
  }
  /** The one guest of an instance of the stack, as the control plane records it. */
  const guestOf = async (instance: string): Promise<SeenGuest> => {
    const { instances } = (await demo.cli('stack', 'show', 'team')).json();
    return instances.find((entry: { name: string }) => entry.name === instance).guests[0];
  };
  const firstPassword = async (): Promise<string> => (await demo.cli('stack', 'credentials', 'team')).json()[0].value;

  it('greets the first visitor, who becomes the admin', async () => {
    expect(setUp).not.toBe('');
    await page.goto(setUp);
    await page.getByLabel('Your name').fill('Ada Admin');
    // The code stays neither in the address bar nor in the history.
    expect(page.url()).not.toContain('setup=');
    await page.getByLabel('Password', { exact: false }).first().fill('short');
    await page.getByLabel('Password once more').fill('short');
    await page.getByRole('button', { name: 'Create the account' }).click();
    await page.getByText('At least 12 characters').first().waitFor();
    await page.getByLabel('Password', { exact: false }).first().fill(PASSWORD);
    await page.getByLabel('Password once more').fill(PASSWORD);
    await page.getByRole('button', { name: 'Create the account' }).click();
    await page.getByRole('heading', { name: 'Connect your first site' }).waitFor();
  }, 60_000);

  it('connects the lab with one click', async () => {
    await page.getByRole('link', { name: 'Connect a site' }).click();
    await click(/Connect the lab/);
    await page.waitForURL('**/sites/demo');
    await click(/Examine/);
    await main().locator('[data-doctor]').waitFor();
    expect(await main().locator('[data-doctor]').getByText('error', { exact: true }).count()).toBe(0);
  }, 60_000);

  it('connects a cluster step by step: certificate, token, proposed document, doctor', async () => {
    const access = JSON.parse(readFileSync(join(demo.state, 'lab/access.json'), 'utf8')) as {
      url: string;
      token: string;
    };
    await page.goto(`${base}/sites/connect`);
    await page.getByLabel('Address of a node').fill('https://127.0.0.1:1');
    await click(/Look at its certificate/);
    await main().getByRole('alert').first().waitFor();
    await page.getByLabel('Address of a node').fill(access.url);
    await click(/Look at its certificate/);
    await main()
      .getByText(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/)
      .waitFor();
    await click(/They are the same/);
    await page.getByLabel('API token').first().fill('bastide@pve!control=wrong');
    await page.getByLabel('Name of the site').fill('town');
    await page.getByLabel('Domain').fill('town.example');
    await page.getByLabel('Country').fill('FR');
    await page.getByLabel('E-mail of the administrator').fill('it@town.example');
    await click(/Propose a site/);
    await main().getByRole('alert').first().waitFor();
    await page.getByLabel('API token').first().fill(access.token);
    await click(/Propose a site/);
    const proposed = page.getByLabel('Site document').first();
    await proposed.waitFor();
    expect(await proposed.inputValue()).toContain('name: town');
    expect(await proposed.inputValue()).not.toContain(access.token.split('=')[1]);
    await main().getByRole('button', { name: 'Connect', exact: true }).first().click();
    await main()
      .getByRole('heading', { name: /What the doctor found/ })
      .waitFor({ timeout: 30_000 });
  }, 90_000);

  it(
    'installs a blueprint: questions, plan, run to the end',
    async () => {
      await page.goto(`${base}/catalogue`);
      await main().getByRole('link', { name: /Team/ }).first().click();
      await main().getByRole('link', { name: 'Install' }).click();
      await page.getByLabel('E-mail of the administrator').fill('no address');
      expect(
        await main()
          .getByRole('button', { name: /Make the plan/ })
          .isDisabled(),
      ).toBe(true);
      expect(await main().locator('[aria-invalid=true]').count()).toBe(1);
      await page.getByLabel('E-mail of the administrator').fill('admin@demo.test');
      await page.getByLabel('Site', { exact: true }).first().click();
      await page.getByRole('option', { name: 'demo' }).click();
      await click(/Make the plan/);
      await page.waitForURL('**/plans/**');
      await main().getByText('team-wiki (lab/').first().waitFor();
      await click(/^Apply$/);
      await page.waitForURL('**/runs/**');
      run = page.url();
      await main()
        .getByText(/% done/)
        .first()
        .waitFor();
      // Another device sees the same, and a reload loses nothing.
      const other = await context.newPage();
      await other.goto(run);
      await other
        .getByText(/% done/)
        .first()
        .waitFor();
      await other.reload();
      await other
        .getByText(/% done/)
        .first()
        .waitFor();
      await other.close();
      await runEnds('succeeded', 8);
    },
    10 * 60_000,
  );

  it('shows links and first password of the stack, and the app opens behind them', async () => {
    await main().getByRole('link', { name: 'to the stack' }).click();
    await page.waitForURL('**/stacks/**');
    stack = page.url();
    await click(/Show the first passwords/);
    const password = (await main().locator('[data-credentials] code').first().textContent()) ?? '';
    expect(password.length).toBeGreaterThan(8);
    const link = await main().getByRole('link', { name: /Wiki/ }).first().getAttribute('href');
    const view = (await demo.cli('stack', 'show', 'team')).json();
    const gateway = view.instances.find((entry: { name: string }) => entry.name === 'gateway').guests[0].address;
    const person = await trustingBrowser(await demo.caCertificate(), '*.demo.test', gateway);
    try {
      const app = await person.newPage();
      await app.goto(link ?? '');
      await app.fill('input[name=user]', 'admin');
      await app.fill('input[name=password]', password);
      await Promise.all([app.waitForURL('https://wiki.demo.test/**'), app.click('button[type=submit]')]);
      expect(await app.title()).toContain('Wiki');
    } finally {
      await person.close();
    }
    await page.goto(`${base}/audit`);
    await main().getByText('Secret shown').first().waitFor();
  }, 120_000);

  it(
    'every screen fits 1440, 1024 and 390 pixels, light and dark, without a finding of axe',
    async () => {
      const team = new URL(stack).pathname;
      const screens = [
        '/',
        '/stacks',
        team,
        ...['guests', 'checks', 'configuration', 'secrets', 'remove'].map((tab) => `${team}/${tab}`),
        '/catalogue',
        '/catalogue/blueprints/team',
        '/catalogue/blueprints/team/install',
        '/catalogue/modules/wiki',
        '/runs',
        new URL(run).pathname,
        '/sites',
        '/sites/demo',
        '/sites/connect',
        '/audit',
        ...['', '/sessions', '/people', '/tokens'].map((tab) => `/settings${tab}`),
      ];
      const findings: string[] = [];
      const cookies = await context.storageState();
      for (const [width, height] of [
        [1440, 900],
        [1024, 768],
        [390, 844],
      ] as const) {
        for (const colorScheme of ['light', 'dark'] as const) {
          // axe is injected by the test; the pages themselves run under their strict policy everywhere else.
          const own = await browser.newContext({
            storageState: cookies,
            viewport: { width, height },
            colorScheme,
            reducedMotion: 'reduce',
            bypassCSP: true,
            locale: 'en-GB',
          });
          const seen = await own.newPage();
          seen.on('pageerror', (error) => findings.push(`${seen.url()}: ${error.message}`));
          for (const screen of screens) {
            const where = `${screen} at ${width} ${colorScheme}`;
            await seen.goto(base + screen);
            await seen.locator('main h1').first().waitFor();
            await seen.waitForFunction(() => !document.querySelector('main .mantine-Loader-root'));
            await seen.waitForTimeout(100);
            const wide = await seen.evaluate(() => document.documentElement.scrollWidth - innerWidth);
            if (wide > 0) findings.push(`${where}: ${wide} pixels too wide`);
            if (process.env.E2E_SCREENSHOTS) {
              const file = `${screen
                .replace(team, '/stack')
                .replace(/runs\/.*/, 'run')
                .replaceAll('/', '_')}-${width}-${colorScheme}.png`;
              await seen.screenshot({ path: join(process.env.E2E_SCREENSHOTS, file), fullPage: true });
            }
            // The middle width has the layout of the wide one.
            if (width === 1024) continue;
            await seen.evaluate(AXE);
            const violations = await seen.evaluate(
              async (tags) =>
                (
                  globalThis as unknown as {
                    axe: { run: (o: object) => Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
                  }
                ).axe.run({ runOnly: tags }),
              RULES,
            );
            for (const { id, nodes } of violations.violations)
              findings.push(`${where}: ${id} ${nodes[0]?.html.slice(0, 200)}`);
          }
          await own.close();
        }
      }
      expect(findings).toEqual([]);
    },
    10 * 60_000,
  );

  it(
    'changes the configuration: a field, a plan of what it touches, a run',
    async () => {
      await page.goto(`${stack}/configuration`);
      await page.getByLabel('Name of the wiki').first().fill('Town wiki');
      await click(/Plan the change/);
      await page.waitForURL('**/plans/**');
      await click(/^Apply$/);
      await page.waitForURL('**/runs/**');
      await runEnds('succeeded', 4);
    },
    5 * 60_000,
  );

  it(
    'gives a guest more room and another node, and makes a secret anew: each a plan first',
    async () => {
      await page.goto(`${stack}/guests`);
      const before = await guestOf('wiki');
      const other = before.node === 'lab1' ? 'lab2' : 'lab1';
      await main().getByRole('button', { name: 'Change wiki.app' }).click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel('Memory (MiB)').fill(String(before.memoryMiB + 128));
      await dialog.getByLabel('Root disk (GiB)').fill(String(before.rootGiB + 1));
      await dialog.getByLabel('Node').first().click();
      await page.getByRole('option', { name: other }).click();
      await dialog.getByRole('button', { name: 'Plan the change' }).click();
      await page.waitForURL('**/plans/**');
      await main().getByText(`moves from ${before.node} to ${other}`).first().waitFor();
      await click(/^Apply$/);
      await page.waitForURL('**/runs/**');
      await runEnds('succeeded', 4);
      expect(await guestOf('wiki')).toMatchObject({
        node: other,
        memoryMiB: before.memoryMiB + 128,
        rootGiB: before.rootGiB + 1,
      });
      const config = await demo.lab('GET', `/nodes/${other}/lxc/${before.vmid}/config`);
      expect(config.memory).toBe(before.memoryMiB + 128);

      const password = await firstPassword();
      await page.goto(`${stack}/secrets`);
      await main().getByRole('button', { name: 'Make anew directory adminPassword' }).click();
      await page.waitForURL('**/plans/**');
      await main().getByText('directory adminPassword').first().waitFor();
      await click(/^Apply$/);
      await page.waitForURL('**/runs/**');
      // The directory's own check signs in as the admin: the run ends well only with the new password in force.
      await runEnds('succeeded', 4);
      expect(await firstPassword()).not.toBe(password);
    },
    8 * 60_000,
  );

  it(
    'does the same by keyboard alone',
    async () => {
      await page.goto(`${stack}/guests`);
      const before = await guestOf('wiki');
      await main().getByRole('button', { name: 'Change wiki.app' }).waitFor();
      await press(page, /^Change wiki\.app$/);
      await page.waitForFunction(() => document.activeElement?.closest('[role=dialog]'));
      await type(page, /^Memory/, String(before.memoryMiB - 128));
      await press(page, /^Plan the change$/);
      await page.waitForURL('**/plans/**');
      await main().getByRole('button', { name: 'Apply' }).waitFor();
      await press(page, /^Apply$/);
      await page.waitForURL('**/runs/**');
      await runEnds('succeeded', 4);
      expect((await guestOf('wiki')).memoryMiB).toBe(before.memoryMiB - 128);
      await page.goto(`${stack}/secrets`);
      await main().getByRole('button', { name: 'Make anew wiki directory' }).waitFor();
      await press(page, /^Make anew wiki directory$/);
      await page.waitForURL('**/plans/**');
      await main().getByRole('button', { name: 'Apply' }).waitFor();
      await press(page, /^Apply$/);
      await page.waitForURL('**/runs/**');
      await runEnds('succeeded', 4);
    },
    8 * 60_000,
  );

  domainJourney({ demo, page: () => page, base: () => base, runEnds });

  it(
    'goes on where it was when the control plane was away and when the session has ended',
    async () => {
      await page.goto(`${base}/catalogue`);
      await main().getByRole('link', { name: /Team/ }).first().waitFor();
      // The session ends on another device.
      const cookies = await context.cookies();
      await context.clearCookies();
      await page.getByRole('link', { name: 'Runs', exact: true }).first().click();
      await page.getByLabel('Password').first().fill(PASSWORD);
      await page.getByRole('button', { name: 'Sign in', exact: true }).click();
      await main().getByRole('table').first().waitFor();
      expect(page.url()).toContain('/runs');
      expect(cookies.length).toBeGreaterThan(0);
      await page.goto(`${stack}/checks`);
      await main().getByRole('table').first().waitFor();
      const before = faults.length;
      await demo.stop();
      await page.getByRole('link', { name: 'Audit', exact: true }).first().click();
      await main().getByText('The control plane cannot be reached').first().waitFor({ timeout: 30_000 });
      await demo.start('none', 4);
      await main().getByRole('table').first().waitFor({ timeout: 60_000 });
      faults.length = before;
    },
    6 * 60_000,
  );

  it(
    'removes the stack after its name was typed',
    async () => {
      await page.goto(`${stack}/remove`);
      const remove = main().getByRole('button', { name: 'Plan the removal' });
      expect(await remove.isDisabled()).toBe(true);
      await page.getByLabel('Type team to confirm').fill('team');
      await remove.click();
      await page.waitForURL('**/plans/**');
      await click(/^Apply$/);
      await page.waitForURL('**/runs/**');
      await runEnds('succeeded', 4);
      expect(
        (await demo.lab('GET', '/cluster/resources?type=vm')).filter((guest: { vmid: number }) => guest.vmid >= 1000),
      ).toEqual([]);
    },
    5 * 60_000,
  );

  it('lets the same people work at a terminal: sign in, see, administer, sign out', () => {
    const home = mkdtempSync(join(tmpdir(), 'bastide-home-'));
    const ada = (...words: string[]) => demo.cliAs(home, [], ...words);
    try {
      expect(demo.cliAs(home, ['wrong password here'], 'login', 'admin').code).toBe(3);
      expect(ada('whoami').code).not.toBe(0);
      const login = demo.cliAs(home, [PASSWORD], 'login', 'admin');
      expect(login).toMatchObject({ code: 0, text: '' });
      expect(login.said).toContain('Ada Admin');
      expect(statSync(join(home, '.local/state/bastide/session')).mode & 0o777).toBe(0o600);
      expect(ada('whoami').text).toContain('admin@every site');
      expect(ada('site', 'show', 'demo').text).toContain('vmbr1');
      expect(ada('site', 'ca', 'demo').text).toContain('BEGIN CERTIFICATE');
      const made = ada('account', 'create', 'eva', '--person', 'Eva Eyes', '--role', 'viewer', '--site', 'demo');
      expect(made).toMatchObject({ code: 0 });
      expect(ada('account', 'list').text).toContain('viewer@demo');
      expect(ada('account', 'disable', 'eva').code).toBe(0);
      const token = ada('token', 'create', 'watcher', '--role', 'viewer', '--days', '1').text.trim();
      expect(token.length).toBeGreaterThan(30);
      expect(ada('token', 'list').text).not.toContain(token);
      expect(ada('token', 'remove', 'watcher').code).toBe(0);
      expect(ada('secrets', 'rotate-master-key').text).toMatch(/^\d+ secrets/);
      expect(ada('audit', 'list', '--actor', 'admin').text).toContain('account.created');
      expect(ada('audit', 'export', '--format', 'csv').text).toContain('secret.key_rotated');
      expect(ada('audit', 'verify')).toMatchObject({ code: 0 });
      expect(ada('status').code).toBe(0);
      expect(ada('logout').code).toBe(0);
      expect(ada('audit', 'list').code).not.toBe(0);
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  }, 120_000);

  it('had no error in the browser all the way', () => {
    // Refusals that the journey asked for are told by the browser as failed resources.
    expect(faults.filter((line) => !/Failed to load resource/.test(line))).toEqual([]);
  });

  it(
    'is used by keyboard alone: sign in, plan, apply, stop, take back',
    async () => {
      const keys = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-GB' });
      const person = await keys.newPage();
      await person.goto(`${base}/catalogue`);
      await person.getByRole('button', { name: 'Sign in' }).waitFor();
      await type(person, /^Name/, 'admin');
      await type(person, /^Password/, PASSWORD);
      await person.keyboard.press('Enter');
      await person.getByRole('heading', { name: 'Catalogue' }).waitFor();
      await tabTo(person, /Skip to the content/);
      await person.keyboard.press('Enter');
      await press(person, /^Team/);
      await person.waitForURL('**/blueprints/team');
      await person.getByRole('link', { name: 'Install' }).waitFor();
      await press(person, /^Install$/);
      await person.getByLabel('Name of the wiki').waitFor();
      await type(person, /^Name of the wiki/, 'By keyboard');
      // A choice opens and closes without a mouse too.
      await tabTo(person, /^Site/);
      await person.keyboard.press('Enter');
      await person.getByRole('option', { name: 'demo' }).waitFor();
      await person.keyboard.press('Escape');
      await press(person, /^Make the plan$/);
      await person.waitForURL('**/plans/**');
      await person.getByRole('button', { name: 'Apply' }).waitFor();
      await press(person, /^Apply$/);
      await person.waitForURL('**/runs/**');
      await person
        .getByText(/% done/)
        .first()
        .waitFor();
      await press(person, /^Stop the run$/);
      await person.waitForFunction(() => document.activeElement?.closest('[role=dialog]'));
      await tabTo(person, /^Stop the run$/);
      await person.keyboard.press('Enter');
      await person.getByText('the run was stopped').first().waitFor({ timeout: 90_000 });
      await press(person, /^Take everything back$/);
      await person.waitForFunction(() => document.activeElement?.closest('[role=dialog]'));
      await press(person, /^Take everything back$/);
      await person.getByRole('heading', { name: /^Remove/ }).waitFor();
      await person
        .getByText(/^\d+ of \d+ steps done in/)
        .first()
        .waitFor({ timeout: 180_000 });
      expect(
        (await demo.lab('GET', '/cluster/resources?type=vm')).filter((guest: { vmid: number }) => guest.vmid >= 1000),
      ).toEqual([]);
      await keys.close();
    },
    8 * 60_000,
  );
});
