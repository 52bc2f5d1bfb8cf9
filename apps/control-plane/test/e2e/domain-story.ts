import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { type StepWorld, targetOf } from '../../src/application/runs/executors/step-world.js';
import { openDemoWorld } from '../modules/demo-world.js';
import type { Demo } from './demo.js';
import { Person } from './person.js';
import { socketOf } from './secret-sweep.js';
import { despiteOtherNetworks, trustingBrowser } from './trusting-browser.js';

const FROM = 'demo.test';

/**
 * Places that tell what was, not what is. The directory's database keeps freed pages until it needs them again; its
 * entries are looked at one by one.
 */
const HISTORY = [
  /^\/(var|run)\/log\//,
  /^\/var\/lib\/bastide\/jobs\//,
  /^\/var\/lib\/wiki\/data\/(attic|meta)\//,
  /^\/var\/lib\/ldap\/data\.mdb$/,
  // What somebody typed at a console.
  /^\/root\/\.bash_history$/,
];
const HISTORY_TABLES = ['plans', 'runs', 'run_steps', 'run_events', 'checks', 'audit_entries'];

export interface DomainStory {
  readonly gateway: () => string;
  readonly ca: () => string;
  readonly password: () => string;
}

/** The domain of an installed site becomes another one: names move, log-ins work, and nothing remembers the old one. */
export function domainStory(demo: Demo, stack: string, to: string, { gateway, ca, password }: DomainStory): void {
  let world: StepWorld;
  let close: () => Promise<void>;
  beforeAll(async () => {
    ({ world, close } = await openDemoWorld(demo));
  });
  afterAll(() => close?.());

  const inGuest = async (key: string, script: string): Promise<string> => {
    const guest = await world.stacks.findGuest('demo', key);
    const done = await world.shell.run(targetOf(guest!), ['bash', '-c', script], {
      signal: AbortSignal.timeout(120_000),
      deadline: Date.now() + 120_000,
      fence: async () => undefined,
      maxBytes: 4 * 1024 * 1024,
    });
    return done.stdout.toString();
  };

  it('refuses names that cannot be had, and says why', async () => {
    for (const [name, code] of [
      ['town', 'parameter.invalid'],
      ['10.0.0.1', 'parameter.invalid'],
      [FROM, 'conflict'],
    ]) {
      const refused = await demo.cli('site', 'domain', 'demo', name!, '--yes');
      expect({ name, code: refused.json().code }).toEqual({ name, code });
    }
  });

  it(
    `X6: gives the whole site another domain`,
    async () => {
      await inGuest(
        `${stack}/wiki/app`,
        `page=/var/lib/wiki/data/pages/links.txt; echo 'See https://wiki.${FROM}/notes:first' >$page; chown www-data: $page`,
      );
      const run = await demo.cli('site', 'domain', 'demo', to, '--yes');
      const failed = run.text.split('\n').filter((line) => /"type":"failed"|::error|"run-failed"/.test(line));
      expect({ code: run.code, failed }).toEqual({ code: 0, failed: [] });
      const view = (await demo.cli('stack', 'show', stack)).json();
      expect(view.links.map((link: { url: string }) => link.url)).toEqual([`https://auth.${to}`, `https://wiki.${to}`]);
    },
    6 * 60_000,
  );

  it('lets people sign in under the new names, in a browser that trusted the site before', async () => {
    const page = await new Person(gateway(), ca()).signIn(`https://wiki.${to}/links`, 'admin', password());
    expect(page.url).toContain(`https://wiki.${to}/`);
    expect(page.body).toContain(`https://wiki.${to}/notes:first`);
    const browser = await trustingBrowser(ca(), `*.${to}`, gateway());
    try {
      const tab = await browser.newPage();
      await tab.goto(`https://wiki.${to}/notes:first`);
      expect(new URL(tab.url()).hostname).toBe(`auth.${to}`);
      await despiteOtherNetworks(async () => {
        await tab.goto(`https://wiki.${to}/notes:first`);
        // Signed in already, when only the way back was lost.
        if (new URL(tab.url()).hostname === `wiki.${to}`) return;
        await tab.fill('input[name=user]', 'admin');
        await tab.fill('input[name=password]', password());
        await Promise.all([tab.waitForURL(`https://wiki.${to}/**`), tab.click('button[type=submit]')]);
      });
      expect(await tab.textContent('body')).toContain('Written by the end-to-end test');
    } finally {
      await browser.close();
    }
  }, 120_000);

  it('leaves no reference to the old domain: guests, names, certificates, directory, records', async () => {
    const found: string[] = [];
    const { guests } = await world.stacks.recorded('demo');
    for (const { spec } of guests) {
      const files = await inGuest(
        spec.key,
        `grep -rlaF ${FROM} / --exclude-dir=proc --exclude-dir=sys --exclude-dir=dev 2>/dev/null || true`,
      );
      for (const file of files.split('\n').filter(Boolean))
        if (!HISTORY.some((place) => place.test(file))) found.push(`${spec.key} ${file}`);
      expect(await inGuest(spec.key, 'hostname -f')).toBe(`${spec.hostname}.${to}\n`);
      const node = guests.find((guest) => guest.spec.key === spec.key)!;
      const config = await demo.lab('GET', `/nodes/${node.node}/lxc/${node.vmid}/config`);
      if (JSON.stringify(config).includes(FROM)) found.push(`${spec.key} at the hypervisor`);
    }
    const dns = guests.find(({ spec }) => spec.key === `${stack}/dns/dns`)!.spec.network.address;
    const ask = (name: string): Promise<string> => inGuest(`${stack}/dns/dns`, `dig +short @${dns} ${name} A`);
    for (const name of ['wiki', 'auth', `${stack}-dns`]) {
      if ((await ask(`${name}.${FROM}`)) !== '') found.push(`${name}.${FROM} at the name server`);
      expect(await ask(`${name}.${to}`)).not.toBe('');
    }
    for (const name of ['wiki', 'auth']) {
      if (await answersFor(gateway(), `${name}.${FROM}`)) found.push(`${name}.${FROM} at the gateway`);
      expect(await answersFor(gateway(), `${name}.${to}`)).toBe(true);
    }
    const entries = await inGuest(`${stack}/directory/directory`, 'slapcat -n 1 2>/dev/null');
    expect(entries).toContain(`mail: admin@${to}`);
    if (entries.includes(FROM)) found.push('entries of the directory');
    const socket = join(socketOf(demo.state, 'postgresql', '.s.PGSQL.*'), '..');
    const dump = execFileSync(
      'pg_dump',
      ['-h', socket, '-U', 'bastide', ...HISTORY_TABLES.map((table) => `--exclude-table-data=${table}`), 'bastide'],
      { encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 },
    );
    expect(dump).toContain(to);
    for (const line of dump.split('\n')) if (line.includes(FROM)) found.push(`records: ${line.slice(0, 200)}`);
    expect(found).toEqual([]);
  }, 240_000);

  it('has nothing left to do, and every check says that it works', async () => {
    expect((await demo.cli('plan', stack)).json().steps).toEqual([]);
    const checks = (await demo.cli('stack', 'check', stack)).json();
    expect(checks.filter((check: { healthy: boolean }) => !check.healthy)).toEqual([]);
    expect((await demo.cli('site', 'domain', 'demo', to, '--yes')).json().code).toBe('conflict');
  }, 120_000);
}

/** Whether the gateway finishes a TLS handshake for that name; whose certificate it is does not matter here. */
function answersFor(host: string, servername: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ host, port: 443, servername, rejectUnauthorized: false }, () => {
      socket.destroy();
      done(true);
    });
    socket.setTimeout(10_000, () => socket.destroy(new Error('no answer')));
    socket.on('error', () => done(false));
  });
}
