import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { SMTPServer } from 'smtp-server';
import { axeFindings } from '../../../dashboard/test/axe.js';
import { eventually } from '../engine/eventually.js';
import { trustingBrowser } from './trusting-browser.js';

/**
 * A control plane that others reach: TLS from an authority of its own, people who hear of what happens by mail, an audit to
 * take away. Without guests. E2E_SCREENSHOTS=folder keeps pictures of the screens.
 */
const possible = existsSync('/usr/bin/chromium') && existsSync('/usr/lib/postgresql/15/bin/postgres');
const story = possible ? describe : describe.skip;
if (!possible) process.stderr.write('SKIPPED: needs Chromium and PostgreSQL (infra/setup/setup.sh)\n');

const PASSWORD = 'correct horse battery';
const NAME = 'bastide.town.example';
const MAIN = resolve('dist/apps/control-plane/src/main.js');
const CLI = resolve('dist/apps/cli/src/main.js');

const freePort = (): Promise<number> =>
  new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => done(port));
    });
  });

story('a control plane that others reach', () => {
  const state = mkdtempSync(join(tmpdir(), 'bastide-others-'));
  const home = mkdtempSync(join(tmpdir(), 'bastide-home-'));
  const mails: string[] = [];
  let mailServer: SMTPServer;
  let mailPort: number;
  let port: number;
  let child: ChildProcess;
  let output = '';
  let browser: Browser;
  let page: Page;
  let authority: string;

  const start = async (): Promise<void> => {
    output = '';
    child = spawn(process.execPath, [MAIN], {
      env: {
        PATH: process.env.PATH,
        BASTIDE_STATE_DIR: state,
        BASTIDE_LISTEN: `127.0.0.1:${port}`,
        BASTIDE_TLS: 'own',
        BASTIDE_TLS_NAMES: NAME,
        BASTIDE_PUBLIC_URL: `https://${NAME}:${port}/`,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout!, child.stderr!])
      stream.on('data', (data: Buffer) => {
        output += data.toString();
      });
    await eventually(() => {
      if (child.exitCode !== null || !output.includes('the API listens')) throw new Error(`not up:\n${output}`);
    }, 60_000);
  };
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null) return;
    const ended = new Promise((done) => child.once('exit', done));
    child.kill('SIGTERM');
    await ended;
  };
  const cli = (typed: readonly string[], ...words: string[]): { code: number; text: string; said: string } => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...words], {
      env: { PATH: process.env.PATH, HOME: home, BASTIDE_URL: `https://localhost:${port}`, BASTIDE_STATE_DIR: home },
      input: typed.map((line) => `${line}\n`).join(''),
      encoding: 'utf8',
      timeout: 60_000,
      maxBuffer: 64 * 1024 * 1024,
    });
    return { code: status ?? -1, text: stdout, said: stderr };
  };

  beforeAll(async () => {
    chmodSync(state, 0o711);
    mailServer = new SMTPServer({
      authOptional: true,
      hideSTARTTLS: true,
      logger: false,
      onData: (stream, _session, done) => {
        let text = '';
        stream.on('data', (part: Buffer) => {
          text += part.toString();
        });
        stream.on('end', () => {
          mails.push(text);
          done(null);
        });
      },
    });
    mailServer.on('error', () => {});
    await new Promise<void>((done) => mailServer.listen(0, '127.0.0.1', () => done()));
    mailPort = (mailServer.server.address() as AddressInfo).port;
    port = await freePort();
    await start();
    authority = readFileSync(join(state, 'tls/own/authority.crt'), 'utf8');
    browser = await trustingBrowser(authority, NAME, '127.0.0.1');
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB' });
    page = await context.newPage();
    page.setDefaultTimeout(20_000);
  }, 3 * 60_000);
  afterAll(async () => {
    await browser?.close();
    await stop();
    await new Promise<void>((done) => mailServer.close(() => done()));
    for (const folder of [state, home]) rmSync(folder, { recursive: true, force: true });
  }, 2 * 60_000);

  const main = () => page.locator('main');
  const dialog = () => page.getByRole('dialog');
  /** In both colours and on a phone: nothing that axe finds, nothing wider than the screen. */
  const look = async (name: string): Promise<void> => {
    const folder = process.env.E2E_SCREENSHOTS;
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      for (const width of [1440, 390]) {
        await page.setViewportSize({ width, height: 900 });
        await page.waitForTimeout(250);
        const found = await axeFindings(page);
        expect([name, colorScheme, width, found]).toEqual([name, colorScheme, width, []]);
        expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);
        if (folder) {
          mkdirSync(folder, { recursive: true });
          await page.screenshot({ path: join(folder, `${name}-${colorScheme}-${width}.png`), fullPage: true });
        }
      }
    }
    await page.emulateMedia({ colorScheme: 'light' });
    await page.setViewportSize({ width: 1440, height: 900 });
  };

  it('a browser that trusts its authority makes the first admin', async () => {
    const code = readFileSync(join(state, 'setup-code'), 'utf8').trim();
    await page.goto(`https://${NAME}:${port}/first-run#setup=${code}`);
    await page.getByLabel('Your name').fill('Ada Admin');
    await page.getByLabel('Password', { exact: false }).first().fill(PASSWORD);
    await page.getByLabel('Password once more').fill(PASSWORD);
    await page.getByRole('button', { name: 'Create the account' }).click();
    await page.getByRole('heading', { name: 'Connect your first site' }).waitFor();
  }, 60_000);

  it('Settings say where notifications go: findings stand at their field, a test tells the truth', async () => {
    await page.goto(`https://${NAME}:${port}/settings/notifications`);
    await main().getByRole('heading', { name: 'Nobody would hear of a failure' }).waitFor();
    await look('notifications-none');
    await main().getByRole('button', { name: 'Add a target' }).click();
    await dialog().getByLabel(/^Name/).fill('Office');
    await dialog().getByLabel('Recipients').fill('no address');
    await dialog().getByLabel('Sender').fill('bastide@town.example');
    await dialog()
      .getByLabel(/^Mail server/)
      .fill('localhost');
    await dialog().getByLabel('Port').fill(String(mailPort));
    await dialog().getByRole('button', { name: 'Save' }).click();
    await dialog().getByText('each value in recipients must be an email').first().waitFor();
    await look('notifications-form');
    await dialog().getByLabel('Recipients').fill('it@town.example\nboss@town.example');
    await dialog().getByRole('button', { name: 'Save' }).click();
    await dialog().waitFor({ state: 'detached' });
    await main().getByRole('button', { name: 'Test' }).click();
    // STARTTLS was chosen, and this server has none.
    await main().getByText('the test did not arrive').waitFor();
    await main().getByRole('button', { name: 'Change' }).click();
    await dialog().getByLabel('Connection').first().click();
    await page.getByRole('option', { name: 'not encrypted' }).click();
    await dialog().getByRole('button', { name: 'Save' }).click();
    await dialog().waitFor({ state: 'detached' });
    await main().getByRole('button', { name: 'Test' }).click();
    await main().getByText('the test was taken').waitFor();
    expect(mails).toHaveLength(1);
    expect(mails[0]).toContain('To: it@town.example, boss@town.example');
  }, 120_000);

  it('a webhook’s key is made up and shown once', async () => {
    await main().getByRole('button', { name: 'Add a target' }).click();
    await dialog().getByLabel(/^Name/).fill('Chat');
    await dialog().getByText('webhook', { exact: true }).click();
    await dialog()
      .getByLabel(/^Address/)
      .fill('http://chat.town.example/hook');
    await dialog().getByRole('button', { name: 'Save' }).click();
    await dialog().getByText('plain http goes to private addresses only').first().waitFor();
    await dialog()
      .getByLabel(/^Address/)
      .fill('https://chat.town.example/hook');
    await dialog().getByRole('button', { name: 'Save' }).click();
    await dialog().waitFor({ state: 'detached' });
    expect(await main().locator('[data-shown-once]').textContent()).toMatch(/^[\w-]{43}$/);
    await main().getByRole('button', { name: 'Pause' }).first().click();
    await main().getByText('paused', { exact: true }).waitFor();
  }, 60_000);

  it('what happens arrives by mail, and Settings show that it did', async () => {
    for (let tries = 0; tries < 6; tries += 1) cli(['yes', 'a wrong password'], 'login', 'admin');
    await eventually(() => expect(mails.join('\n')).toContain('Too many failed log-ins as admin'), 45_000);
    await page.reload();
    await main().getByText('Too many failed log-ins').first().waitFor();
    await main().getByText('delivered', { exact: true }).first().waitFor();
    await look('notifications');
  }, 150_000);

  it('Settings show whom machines have to trust', async () => {
    await page.goto(`https://${NAME}:${port}/settings/connection`);
    await main().getByText(new X509Certificate(authority).fingerprint256).waitFor();
    const download = page.waitForEvent('download');
    await main()
      .getByRole('link', { name: /Download the authority/ })
      .click();
    expect(readFileSync(await (await download).path(), 'utf8')).toBe(authority);
    await look('connection');
  }, 90_000);

  it('the command line asks whom to trust, once, and exports an audit that verifies by itself', async () => {
    rmSync(join(home, '.local'), { recursive: true, force: true });
    const { fingerprint256 } = new X509Certificate(authority);
    expect(cli([], 'status')).toMatchObject({ code: expect.any(Number) });
    expect(cli(['no'], 'login', 'admin')).toMatchObject({ code: 3, said: expect.stringContaining(fingerprint256) });
    expect(cli([PASSWORD], 'login', 'admin', '--fingerprint', 'AA:BB')).toMatchObject({ code: 3 });
    // The name is locked for this address by now; another admin's is not.
    const token = readFileSync(join(state, 'api-token'), 'utf8').trim();
    writeFileSync(join(home, 'token'), token, { mode: 0o600 });
    writeFileSync(join(home, 'authority.crt'), authority);
    const trusted = ['--token-file', join(home, 'token'), '--ca', join(home, 'authority.crt')];
    expect(cli([], 'whoami', '--token-file', join(home, 'token')).said).toContain('not known here');
    expect(cli([], 'certificate', ...trusted).text).toContain(fingerprint256);
    expect(cli([], 'notification', 'list', ...trusted).text).toContain('it@town.example');
    expect(cli([], 'notification', 'test', 'Chat', ...trusted)).toMatchObject({ code: 4 });
    const { text } = cli([], 'audit', 'export', '--format', 'jsonl', ...trusted);
    writeFileSync(join(home, 'audit.jsonl'), text);
    const key = cli([], 'audit', 'key', ...trusted).text.trim();
    expect(cli([], 'audit', 'verify', '--file', join(home, 'audit.jsonl'), '--key', key)).toMatchObject({
      code: 0,
      text: expect.stringContaining('whole'),
    });
    writeFileSync(join(home, 'changed.jsonl'), text.replace('notification.created', 'notification.removed'));
    expect(cli([], 'audit', 'verify', '--file', join(home, 'changed.jsonl'), '--key', key)).toMatchObject({ code: 4 });
    expect(cli([], 'audit', 'export', ...trusted).text.split('\r\n')[0]).toContain('"seq","at","actor"');
    expect(text + output + mails.join()).not.toContain(PASSWORD);
  }, 120_000);

  it('is the same to those who trust it after a restart', async () => {
    await stop();
    await start();
    expect(output).toContain(new X509Certificate(authority).fingerprint256);
    await page.goto(`https://${NAME}:${port}/settings/connection`);
    await main().getByText(new X509Certificate(authority).fingerprint256).waitFor();
  }, 120_000);

  it('says at its start what is wrong with its settings, with exit code 2', () => {
    const { status, stderr } = spawnSync(process.execPath, [MAIN], {
      env: { PATH: process.env.PATH, BASTIDE_STATE_DIR: state, BASTIDE_TLS: 'acme' },
      encoding: 'utf8',
      timeout: 30_000,
    });
    expect(status).toBe(2);
    expect(stderr).toContain('BASTIDE_TLS_NAMES');
    expect(stderr).toContain('BASTIDE_ACME_TERMS=accepted');
  }, 60_000);
});
