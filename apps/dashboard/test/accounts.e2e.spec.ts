import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Browser, BrowserContext, CDPSession, Page } from 'playwright-core';
import { CLIENT, OutsideProvider } from '../../control-plane/test/accounts/outside-provider.js';
import { freePort } from '../../control-plane/test/e2e/demo.js';
import { plainBrowser } from '../../control-plane/test/e2e/trusting-browser.js';
import { press, tabTo, type } from './keyboard.js';
import { looksAt, wearLight } from './looks.js';

/** Ways in, in a real browser with a device of its own (WebAuthn's virtual authenticator) and a real identity provider. */
const story = existsSync('/usr/bin/chromium') ? describe : describe.skip;
if (!existsSync('/usr/bin/chromium'))
  process.stderr.write('SKIPPED: passkeys and providers in a browser need Chromium (infra/setup/setup.sh)\n');

const PASSWORD = 'correct horse battery';
const CLI = resolve('dist/apps/cli/src/main.js');

story('ways in', () => {
  const state = mkdtempSync(join(tmpdir(), 'bastide-ways-in-'));
  const outside = new OutsideProvider();
  let child: ChildProcess;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let device: CDPSession;
  let authenticator = '';
  let base = '';
  const faults: string[] = [];

  beforeAll(async () => {
    // The private PostgreSQL runs as a user of its own, which has to pass through.
    chmodSync(state, 0o711);
    const port = await freePort();
    base = `http://localhost:${port}`;
    child = spawn(process.execPath, [resolve('dist/apps/control-plane/src/main.js')], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {
        ...process.env,
        BASTIDE_STATE_DIR: state,
        BASTIDE_LISTEN: `127.0.0.1:${port}`,
        BASTIDE_LOG_LEVEL: 'warn',
      },
    });
    child.stderr!.resume();
    const end = Date.now() + 90_000;
    while (
      !(await fetch(`${base}/api/v1/health/ready`).then(
        (r) => r.ok,
        () => false,
      ))
    ) {
      if (Date.now() > end) throw new Error('the control plane does not come up');
      await new Promise((go) => setTimeout(go, 200));
    }
    await outside.start(() => `${base}/api/v1/session/providers/return`, `${base}/login`);
    const citizen = (sub: string, groups: string[]) =>
      outside.citizens.set(sub, { sub, preferred_username: sub, name: `${sub} Example`, groups });
    citizen('eva', ['it']);
    citizen('bob', []);
    browser = await plainBrowser();
    context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: 'en-GB' });
    context.setDefaultTimeout(10_000);
    page = await context.newPage();
    page.on('pageerror', (error) => faults.push(`${page.url()}: ${error.message}`));
    device = await plugIn(page);
  }, 180_000);

  afterAll(async () => {
    await browser?.close();
    await outside.stop();
    if (child && child.exitCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    rmSync(state, { recursive: true, force: true });
  }, 60_000);

  /** A device with a user who confirms everything. */
  async function plugIn(at: Page): Promise<CDPSession> {
    const session = await at.context().newCDPSession(at);
    await session.send('WebAuthn.enable');
    const added = await session.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    });
    authenticator = added.authenticatorId;
    return session;
  }
  const main = () => page.locator('main');
  const dialog = () => page.getByRole('dialog');
  const signOut = async () => {
    await page.getByRole('button', { name: 'Sign out' }).first().click();
    await page.getByRole('heading', { name: 'Sign in to Bastide' }).waitFor();
  };
  const typeIn = async (name: string) => {
    await page.getByRole('textbox', { name: /^Name/ }).fill(name);
    await page.getByLabel('Password').first().fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  };
  const atHome = () => page.getByRole('button', { name: 'Sign out' }).first().waitFor();

  it('the first admin comes in by keyboard alone with a password, and adds a passkey of their device', async () => {
    const code = readFileSync(join(state, 'setup-code'), 'utf8').trim();
    await page.goto(`${base}/first-run#setup=${code}`);
    await page.getByLabel('Your name').waitFor();
    await type(page, /^Your name/, 'Ada Admin');
    await type(page, /^Password/, PASSWORD);
    await type(page, /^Password once more/, PASSWORD);
    await press(page, /^Create the account$/);
    await atHome();
    await page.goto(`${base}/settings/account`);
    await main().getByRole('button', { name: 'Add a passkey' }).click();
    await dialog().getByLabel('Name').fill('Laptop');
    await dialog().getByRole('button', { name: 'Continue' }).click();
    await main().getByText('Laptop', { exact: true }).waitFor();
    const codes = (await main().locator('[data-shown-once]').first().textContent()) ?? '';
    expect(codes.split('\n')).toHaveLength(10);
    const { credentials } = await device.send('WebAuthn.getCredentials', { authenticatorId: authenticator });
    expect(credentials).toEqual([expect.objectContaining({ rpId: 'localhost', isResidentCredential: true })]);
    // The device says no to a second one for the same account.
    await main().getByRole('button', { name: 'Add a passkey' }).click();
    await dialog().getByLabel('Name').fill('Again');
    await dialog().getByRole('button', { name: 'Continue' }).click();
    await main().getByText('This device has a passkey for your account already.').waitFor();
  }, 60_000);

  it('signs in with the passkey alone: no name, no password', async () => {
    await signOut();
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
    await atHome();
    expect(await page.getByText('Ada Admin').first().isVisible()).toBe(true);
  }, 30_000);

  it('by password, the passkey is asked for as second factor', async () => {
    await signOut();
    await typeIn('admin');
    await page.getByRole('button', { name: 'Confirm with a passkey' }).click();
    await atHome();
  }, 30_000);

  it('a device whose user does not confirm lets nobody in, and the page says what helps', async () => {
    await signOut();
    await device.send('WebAuthn.setUserVerified', { authenticatorId: authenticator, isUserVerified: false });
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
    await page.getByText('The browser got no passkey.').waitFor();
    await device.send('WebAuthn.setUserVerified', { authenticatorId: authenticator, isUserVerified: true });
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
    await atHome();
  }, 30_000);

  it('by keyboard alone: a passkey is renamed', async () => {
    await page.goto(`${base}/settings/account`);
    await main().getByText('Laptop', { exact: true }).waitFor();
    await press(page, /^Rename Laptop$/);
    await page.waitForFunction(() => document.activeElement?.closest('[role=dialog]'));
    await type(page, /^Name/, 'Work laptop');
    await page.keyboard.press('Enter');
    await main().getByText('Work laptop', { exact: true }).waitFor();
  }, 30_000);

  it('by an address instead of a name, the page says where passkeys work', async () => {
    const other = await browser.newContext({ locale: 'en-GB' });
    const door = await other.newPage();
    await door.goto(`${base.replace('localhost', '127.0.0.1')}/login`);
    await door.getByRole('button', { name: 'Sign in with a passkey' }).click();
    await door.getByText(`Open it as ${base}.`).waitFor();
    await other.close();
  }, 30_000);

  it('an admin adds an identity provider, and its test says that it works', async () => {
    await page.goto(`${base}/settings/log-in`);
    await main().getByText(`${base}/api/v1/session/providers/return`).waitFor();
    await main().getByRole('button', { name: 'Add a provider' }).click();
    await dialog().getByLabel('Name').fill('Town sign-in');
    await dialog().getByLabel('Issuer').fill('http://auth.town.example');
    await dialog().getByLabel('Client id').fill(CLIENT.id);
    await dialog().getByLabel('Client secret').first().fill(CLIENT.secret);
    await dialog().getByLabel('Group', { exact: true }).fill('it');
    await dialog().getByRole('button', { name: 'Save' }).click();
    await dialog().getByText('must begin with https://').first().waitFor();
    await dialog().getByLabel('Issuer').fill(outside.issuer);
    await dialog().getByRole('button', { name: 'Save' }).click();
    const card = main().locator('[data-provider="Town sign-in"]');
    await card.getByText('The provider knows the client.').waitFor();
    expect(await card.getByText('fault', { exact: true }).count()).toBe(0);
    expect(await page.content()).not.toContain(CLIENT.secret);
  }, 60_000);

  it('somebody from outside signs in where they wanted to go, and is told when no group gives a role', async () => {
    const other = await browser.newContext({ locale: 'en-GB' });
    other.setDefaultTimeout(10_000);
    const eva = await other.newPage();
    await eva.goto(`${base}/runs`);
    await eva.getByRole('link', { name: 'Sign in with Town sign-in' }).click();
    await eva.getByRole('link', { name: 'I am bob Example' }).click();
    await eva.getByText('none of your groups gives you a role here').waitFor();
    await other.clearCookies();
    await eva.goto(`${base}/runs`);
    await eva.getByRole('link', { name: 'Sign in with Town sign-in' }).click();
    await eva.getByRole('link', { name: 'I am eva Example' }).click();
    await eva.getByRole('heading', { name: 'Runs' }).waitFor();
    expect(eva.url()).toBe(`${base}/runs`);
    await eva.getByText('eva Example').first().waitFor();
    await eva.goto(`${base}/settings/account`);
    await eva.getByText('your account comes from here').waitFor();
    expect(await eva.getByRole('heading', { name: 'Password' }).count()).toBe(0);
    await eva.getByRole('button', { name: 'Sign out' }).first().click();
    const there = eva.getByRole('link', { name: 'Sign out at the identity provider too' });
    expect(await there.getAttribute('href')).toContain(outside.issuer);
    await other.close();
  }, 60_000);

  it('a local account is linked by its owner, who then comes in through the provider', async () => {
    outside.citizens.set('ada', { sub: 'ada', preferred_username: 'ada', name: 'ada Example', groups: [] });
    await page.goto(`${base}/settings/account`);
    await main().getByRole('button', { name: 'Link', exact: true }).click();
    await page.getByRole('link', { name: 'I am ada Example' }).click();
    await main().getByRole('button', { name: 'Unlink' }).waitFor();
    await signOut();
    await page.getByRole('link', { name: 'Sign in with Town sign-in' }).click();
    await atHome();
    await page.getByText('Ada Admin').first().waitFor();
  }, 60_000);

  it('a terminal is signed in by a code that is confirmed in the browser', async () => {
    const home = mkdtempSync(join(tmpdir(), 'bastide-home-'));
    const env = { PATH: process.env.PATH, HOME: home, BASTIDE_URL: base, BASTIDE_STATE_DIR: home };
    try {
      const terminal = spawn(process.execPath, [CLI, 'login', '--browser'], {
        env,
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let said = '';
      terminal.stderr.on('data', (data: Buffer) => (said += data.toString()));
      while (!/code [A-Z]{4}-[A-Z]{4}/.test(said)) await once(terminal.stderr, 'data');
      await page.goto(/http\S+/.exec(said)![0]);
      await main().getByRole('button', { name: 'Continue' }).click();
      await main().getByText('Confirm only if you started this yourself').waitFor();
      await main().getByRole('button', { name: 'Confirm' }).click();
      await main().getByText('The terminal is signed in.').waitFor();
      if (terminal.exitCode === null) await once(terminal, 'exit');
      expect(said).toContain('Ada Admin');
      const cli = (...words: string[]) => spawnSync(process.execPath, [CLI, ...words], { env, encoding: 'utf8' });
      expect(cli('whoami').stdout).toContain('admin@every site');
      expect(cli('provider', 'list').stdout).toContain('it=viewer');
      // Not waited for in place: the provider that is asked runs in this very process.
      const test = spawn(process.execPath, [CLI, 'provider', 'test', 'Town sign-in'], { env, stdio: 'ignore' });
      expect(await once(test, 'exit')).toEqual([0, null]);
      expect(cli('provider', 'change', 'Town sign-in', '--map', 'it=operator', '--map', 'help=viewer').status).toBe(0);
      expect(cli('provider', 'add', 'X', '--issuer', 'https://x.example', '--client-secret', 'plain').status).toBe(2);
      expect(cli('account', 'passkeys', 'admin').stdout).toContain('Work laptop');
      expect(cli('logout').status).toBe(0);
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  }, 90_000);

  it(
    'every screen about it fits 1440, 1024 and 390 pixels, light and dark, without a finding of axe',
    async () => {
      const findings: string[] = [];
      const cookies = await context.storageState();
      const look = { reducedMotion: 'reduce', locale: 'en-GB' } as const;
      const own = await browser.newContext({ ...look, storageState: cookies });
      const stranger = await browser.newContext(look);
      const seen = await own.newPage();
      const door = await stranger.newPage();
      const screens: [Page, string, () => Promise<unknown>][] = [
        [seen, '/settings/account', () => seen.locator('[data-passkeys]').waitFor()],
        [seen, '/settings/people', () => seen.getByText('eva Example').first().waitFor()],
        [seen, '/settings/log-in', () => seen.locator('[data-provider]').first().waitFor()],
        [
          seen,
          '/settings/log-in?form',
          async () => {
            await seen.getByRole('button', { name: 'Change Town sign-in' }).click();
            await seen.getByRole('dialog').getByLabel('Group', { exact: true }).first().waitFor();
            await seen.waitForTimeout(300);
          },
        ],
        [seen, '/device?code=BBBB-BBBB', () => seen.getByLabel('Code').waitFor()],
        [door, '/login?problem=auth.no_role', () => door.getByRole('alert').waitFor()],
      ];
      for (const [width, height] of [
        [1440, 900],
        [1024, 768],
        [390, 844],
      ] as const) {
        for (const [at, screen, ready] of screens) {
          await at.setViewportSize({ width, height });
          await wearLight(at);
          await at.goto(base + screen);
          await ready();
          for (const finding of await looksAt(at, `${screen.replace(/\W+/g, '_')}-${width}`, width !== 1024))
            findings.push(`${screen} at ${width}: ${finding}`);
        }
      }
      await own.close();
      await stranger.close();
      expect(findings).toEqual([]);
    },
    5 * 60_000,
  );

  it('a removed passkey is refused', async () => {
    await page.goto(`${base}/settings/account`);
    await main().getByRole('button', { name: 'Remove Work laptop' }).click();
    await dialog().getByRole('button', { name: 'Remove' }).click();
    // The session is fresh or not, by how long this has taken: whoever is asked confirms.
    const gone = main().getByText('Work laptop', { exact: true });
    await Promise.race([
      gone.waitFor({ state: 'detached' }),
      dialog()
        .getByLabel('Your password')
        .waitFor()
        .catch(() => undefined),
    ]);
    if ((await dialog().getByLabel('Your password').count()) > 0) {
      await dialog().getByLabel('Your password').fill(PASSWORD);
      await dialog().getByRole('button', { name: 'Confirm', exact: true }).click();
      await gone.waitFor({ state: 'detached' });
    }
    await signOut();
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
    await page.getByText('Name, password, code or passkey is wrong.').waitFor();
    await typeIn('admin');
    await atHome();
    await page.goto(`${base}/audit`);
    for (const act of ['Passkey added', 'Passkey removed', 'Identity provider added', 'Log-in at a terminal answered'])
      await main().getByText(act).first().waitFor();
    await tabTo(page, /Skip to the content/);
  }, 60_000);

  it('had no error in the browser all the way', () => {
    expect(faults).toEqual([]);
  });
});
