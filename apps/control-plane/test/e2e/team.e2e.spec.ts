import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { moduleStories } from '../modules/module-stories.js';
import { Demo } from './demo.js';
import { domainStory } from './domain-story.js';
import { Person } from './person.js';
import { CommandLines, everythingIn, socketOf, storedSecrets } from './secret-sweep.js';
import { trustingBrowser } from './trusting-browser.js';

/**
 * The main job, with nothing made up: real guests, real SSH, real TLS, a real browser. Needs root and LXC; where they are
 * missing the test says so and the rest of the suite stands for itself.
 */
const possible = process.getuid?.() === 0 && existsSync('/usr/bin/lxc-start');
const story = possible ? describe : describe.skip;
if (!possible)
  process.stderr.write('SKIPPED: the end-to-end test needs root and LXC (infra/setup/setup.sh installs it)\n');

story('the blueprint team on a fresh lab', () => {
  // Two runs of the tests on one machine keep out of each other's way.
  const demo = new Demo(`e2e${process.pid % 1000}`, 100 + (process.pid % 100));
  let gateway = '';
  let ca = '';
  let adminPassword = '';
  let stack: { id: string };

  const argv = new CommandLines();

  beforeAll(async () => {
    argv.watch();
    await demo.start('team', 12);
    argv.stop();
    const [found] = (await demo.cli('stack', 'list')).json();
    stack = found;
    const view = (await demo.cli('stack', 'show', 'team')).json();
    gateway = view.instances.find((entry: { name: string }) => entry.name === 'gateway').guests[0].address;
    ca = await demo.caCertificate();
    adminPassword = (await demo.cli('stack', 'credentials', 'team')).json()[0].value;
  }, 15 * 60_000);

  afterAll(() => {
    argv.stop();
    return demo.clear();
  }, 5 * 60_000);

  const guestOf = async (instance: string): Promise<number> =>
    (await demo.cli('stack', 'show', 'team'))
      .json()
      .instances.find((entry: { name: string }) => entry.name === instance).guests[0].vmid;

  it('ends with links, the first password and the way to reach the names', () => {
    expect(demo.output).toContain('https://wiki.demo.test');
    expect(demo.output).toContain(adminPassword);
    expect(demo.output).toContain('--host-resolver-rules');
  });

  it('plans nothing for what is as it should be', async () => {
    const plan = (await demo.cli('plan', 'team')).json();
    expect(plan.findings.filter((finding: { severity: string }) => finding.severity === 'error')).toEqual([]);
    expect(plan.steps).toEqual([]);
  }, 60_000);

  moduleStories(demo, 'team');

  it('lets a person of the directory sign in to the wiki through gateway and portal, and edit a page', async () => {
    const admin = new Person(gateway, ca);
    const wrong = await admin.signIn('https://wiki.demo.test/', 'admin', 'not the password');
    expect(wrong.url).toContain('auth.demo.test');
    const page = await admin.signIn('https://wiki.demo.test/', 'admin', adminPassword);
    expect(page.url).toMatch(/^https:\/\/wiki\.demo\.test\//);
    const editor = await admin.get('https://wiki.demo.test/notes:first?do=edit');
    const hidden = Object.fromEntries(
      [...editor.body.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)].map(([, name, value]) => [
        name as string,
        value as string,
      ]),
    );
    await admin.post('https://wiki.demo.test/notes:first', {
      ...hidden,
      id: 'notes:first',
      wikitext: 'Written by the end-to-end test',
      summary: 'test',
      'do[save]': '1',
    });
    expect((await admin.get('https://wiki.demo.test/notes:first')).body).toContain('Written by the end-to-end test');
  }, 120_000);

  it('refuses a person who was disabled', async () => {
    const directory = await guestOf('directory');
    await demo.console(
      directory,
      "printf 'correct-horse-battery\\n' | bastide-person add bob --given Bob --family Builder --mail bob@demo.test --group staff",
    );
    expect(
      (await new Person(gateway, ca).signIn('https://wiki.demo.test/', 'bob', 'correct-horse-battery')).url,
    ).toContain('wiki.demo.test');
    await demo.console(directory, 'bastide-person disable bob');
    expect(
      (await new Person(gateway, ca).signIn('https://wiki.demo.test/', 'bob', 'correct-horse-battery')).url,
    ).toContain('auth.demo.test');
  }, 120_000);

  it('works in a browser that trusts the site’s CA', async () => {
    const browser = await trustingBrowser(ca, '*.demo.test', gateway);
    try {
      const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
      await page.goto('https://wiki.demo.test/notes:first');
      expect(new URL(page.url()).hostname).toBe('auth.demo.test');
      await page.fill('input[name=user]', 'admin');
      await page.fill('input[name=password]', adminPassword);
      await Promise.all([page.waitForURL('https://wiki.demo.test/**'), page.click('button[type=submit]')]);
      expect(await page.textContent('body')).toContain('Written by the end-to-end test');
      if (process.env.E2E_SCREENSHOTS) await page.screenshot({ path: join(process.env.E2E_SCREENSHOTS, 'wiki.png') });
    } finally {
      await browser.close();
    }
  }, 120_000);

  it('keeps every secret out of the logs, the run log and the databases', async () => {
    const runs = (await demo.cli('run', 'list')).json();
    const token = readFileSync(join(demo.state, 'api-token'), 'utf8').trim();
    const entries: string[] = [];
    for (const run of runs) {
      const response = await fetch(`http://127.0.0.1:${demo.port}/api/v1/runs/${run.id}/entries?limit=5000`, {
        headers: { authorization: `Bearer ${token}` },
      });
      entries.push(await response.text());
    }
    const socket = socketOf(demo.state, 'postgresql', '.s.PGSQL.*');
    const dump = execFileSync('pg_dump', ['-h', join(socket, '..'), '-U', 'bastide', 'bastide'], {
      encoding: 'utf8',
      maxBuffer: 256 * 1024 * 1024,
    });
    expect(dump).toContain('run_events');
    const texts = new Map<string, string>([
      ['database', dump],
      ['Redis', await everythingIn(socketOf(demo.state, 'redis', '*.sock'))],
      ['run log', entries.join('\n')],
      ['command lines', argv.seen],
      ...['control-plane.log', 'lab.log'].map((name): [string, string] => [
        name,
        readFileSync(join(demo.state, name), 'utf8'),
      ]),
    ]);
    expect(texts.get('Redis')).toContain('bastide:steps');
    expect(texts.get('command lines')).toContain('postgres');
    const access = JSON.parse(readFileSync(join(demo.state, 'lab/access.json'), 'utf8')) as { token: string };
    const secrets = new Map([
      ['admin’s password', adminPassword],
      ['API token', token],
      ['token of the lab', access.token.split('=')[1] ?? ''],
      ...(await storedSecrets(`postgresql://bastide@localhost/bastide?host=${join(socket, '..')}`, demo.state)),
    ]);
    // All that the modules of team declare, their bindings, the site's authority and our own keys.
    expect(secrets.size).toBeGreaterThan(12);
    const found: string[] = [];
    for (const [name, secret] of secrets)
      for (const form of [secret, Buffer.from(secret).toString('base64'), encodeURIComponent(secret)])
        for (const [where, text] of texts) if (text.includes(form)) found.push(`${name} in ${where}`);
    expect(found).toEqual([]);
  }, 120_000);

  domainStory(demo, 'team', 'town.example', {
    gateway: () => gateway,
    ca: () => ca,
    password: () => adminPassword,
  });

  it(
    'finds everything as it was when it is started again',
    async () => {
      await demo.stop();
      await demo.start('team', 5);
      const plan = (await demo.cli('plan', 'team')).json();
      expect(plan.steps).toEqual([]);
      // Guests have booted; their services may take a moment longer.
      const signIn = () =>
        new Person(gateway, ca).signIn('https://wiki.town.example/notes:first', 'admin', adminPassword);
      let page = await signIn();
      for (let turn = 0; page.status === 502 && turn < 20; turn += 1) {
        await delay(2_000);
        page = await signIn();
      }
      expect(page.body).toContain('Written by the end-to-end test');
    },
    6 * 60_000,
  );

  it(
    'removes a stack and leaves nothing of it',
    async () => {
      const removal = await demo.cli('stack', 'remove', 'team', '--yes');
      expect({ code: removal.code, tail: removal.code === 0 ? '' : removal.text.slice(-2000) }).toEqual({
        code: 0,
        tail: '',
      });
      expect(
        (await demo.lab('GET', '/cluster/resources?type=vm')).filter((guest: { vmid: number }) => guest.vmid >= 1000),
      ).toEqual([]);
      expect(
        (await demo.lab('GET', '/nodes/lab1/storage/local-zfs/content')).map(
          (volume: { volid: string }) => volume.volid,
        ),
      ).toEqual([]);
      const view = (await demo.cli('stack', 'show', stack.id)).json();
      expect(view.instances).toEqual([]);
      expect((await demo.cli('stack', 'credentials', stack.id)).json()).toEqual([]);
    },
    5 * 60_000,
  );
});
