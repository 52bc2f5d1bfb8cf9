import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { labNames } from '../../../lab/src/runtime/lxc/lab-names.js';
import { describeProbe, probeRealGuests } from '../../../lab/src/runtime/lxc/probe.js';
import { type Connection, connect } from '../connection.js';
import { EXIT, type ExitCode, Failure, take } from '../failure.js';
import { follow } from '../follow.js';
import { note, paint, print, safe, table } from '../output.js';
import { Child } from './child.js';
import { demoSite, labNetworks } from './demo-site.js';

export interface DemoOptions {
  readonly blueprint: string;
  readonly state: string;
  readonly domain: string;
  readonly port: string;
  readonly labPort: string;
  readonly network: string;
  readonly labName: string;
  readonly yes?: boolean;
  readonly exit?: boolean;
}

const program = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const LAB_READY_MS = 10 * 60_000;
const CONTROL_PLANE_READY_MS = 90_000;

/** Lab, control plane, site, blueprint: everything on this machine, until Ctrl-C. Started again, it finds all as it was. */
export async function runDemo(options: DemoOptions): Promise<ExitCode> {
  const state = resolve(options.state);
  await mkdir(state, { recursive: true });
  await mkdir(join(state, 'lab'), { recursive: true, mode: 0o700 });
  const children: Child[] = [];
  const stop = new AbortController();
  const interrupted = new Promise<void>((done) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        if (stop.signal.aborted) return;
        note(`\n${signal === 'SIGINT' ? 'Ctrl-C' : signal}: stopping the demo cleanly …`);
        stop.abort(new Failure(EXIT.cancelled, 'stopped before the demo was up'));
        done();
      });
    }
  });
  let giveUp: (exit: ExitCode) => void = () => {};
  const lost = new Promise<ExitCode>((done) => {
    giveUp = done;
  });
  const keepUp = (child: Child): void =>
    child.keepUp((what, again) => {
      note(`${what}; ${again ? 'starting it again' : 'it does not stay up'}. Its log: ${child.logFile}`);
      if (!again) giveUp(EXIT.fault);
    });
  try {
    const up = bringUp(options, state, children, keepUp, stop.signal);
    const exit = await Promise.race([up, interrupted.then(() => EXIT.ok), lost]);
    if (exit !== EXIT.ok || options.exit || stop.signal.aborted) return exit;
    note(paint.dim('\nCtrl-C stops the demo; what is installed stays, and npm run demo brings it back.'));
    return await Promise.race([interrupted.then(() => EXIT.ok), lost]);
  } finally {
    // Control plane first: its running steps are handed over while the lab still answers.
    for (const child of children.toReversed()) await child.stop(90_000);
    if (children.length > 0) note('stopped; nothing is left running.');
  }
}

async function bringUp(
  options: DemoOptions,
  state: string,
  children: Child[],
  keepUp: (child: Child) => void,
  signal: AbortSignal,
): Promise<ExitCode> {
  const network = Number(options.network);
  const access = join(state, 'lab', 'access.json');
  const probe = await probeRealGuests(join(state, 'lab'));
  if (probe.possible)
    note('starting the lab (the first time it builds the guests’ image, which takes about a minute) …');
  else {
    note(paint.yellow(`No real guests on this machine:\n${safe(describeProbe(probe))}`));
    note(
      'starting the lab without guests: its API answers, plans can be made and looked at, but nothing runs in them …',
    );
  }
  const lab = new Child(
    'lab',
    program('lab/src/main.js'),
    [
      'start',
      '--name',
      options.labName,
      '--state',
      join(state, 'lab'),
      '--port',
      options.labPort,
      // Two, so that moving a guest can be tried out; they are one machine all the same.
      '--nodes',
      'lab1,lab2',
      '--guests',
      probe.possible ? 'lxc' : 'none',
      ...labNetworks(network).flatMap((entry) => ['--network', entry]),
    ],
    join(state, 'lab.log'),
  );
  children.push(lab);
  const facts = await lab.until(
    async () => {
      const text = await readFile(access, 'utf8').catch(() => undefined);
      const found = text
        ? (JSON.parse(text) as { url: string; fingerprint: string; token: string; caCertificate: string; pid: number })
        : undefined;
      return found && isAlive(found.pid) ? found : undefined;
    },
    'the lab’s API',
    LAB_READY_MS,
    signal,
  );
  keepUp(lab);

  await switchFirewallOn(facts);
  await bootGuests(facts);
  const documentOf = (domain: string) =>
    demoSite(
      {
        url: facts.url,
        fingerprint: facts.fingerprint,
        hostAddress: labNames(options.labName, join(state, 'lab')).hostAddress,
        network,
      },
      domain,
    );
  const offer = join(state, 'lab-site.json');
  const credentials = { 'pve-token': facts.token };
  await writeFile(offer, JSON.stringify({ document: documentOf(options.domain), credentials }), { mode: 0o600 });
  note('starting the control plane …');
  const url = `http://127.0.0.1:${options.port}`;
  const controlPlane = new Child(
    'control plane',
    program('control-plane/src/main.js'),
    ['--role', 'all'],
    join(state, 'control-plane.log'),
    {
      BASTIDE_STATE_DIR: state,
      BASTIDE_LISTEN: `127.0.0.1:${options.port}`,
      BASTIDE_LAB_SITE: offer,
    },
  );
  children.push(controlPlane);
  await controlPlane.until(
    async () => ((await fetch(`${url}/api/v1/health/ready`).catch(() => undefined))?.ok ? true : undefined),
    'the control plane’s API',
    CONTROL_PLANE_READY_MS,
    signal,
  );
  keepUp(controlPlane);
  const connection = await connect({ url, tokenFile: join(state, 'api-token') });

  if (options.blueprint === 'none') {
    await dashboard(state, url);
    return EXIT.ok;
  }
  // A domain that was changed since is the site's own by now.
  const known = take(await connection.api.GET('/api/v1/sites')).find(({ name }) => name === 'demo');
  const domain = known?.domain ?? options.domain;
  take(
    await connection.api.PUT('/api/v1/sites/{name}', {
      params: { path: { name: 'demo' } },
      body: { document: documentOf(domain), credentials },
    }),
  );
  await finishOpenRun(connection, options.blueprint);
  const plan = take(
    await connection.api.POST('/api/v1/plans', {
      body: { site: 'demo', stack: options.blueprint, blueprint: options.blueprint },
    }),
  );
  print(safe(plan.text));
  if (!probe.possible) {
    note('This is the plan; it is not applied, for there are no guests whose hooks could run.');
    await dashboard(state, url);
    return EXIT.ok;
  }
  if (plan.findings.some((finding) => finding.severity === 'error')) return EXIT.refused;
  if (plan.steps.length > 0) {
    const run = take(
      await connection.api.POST('/api/v1/plans/{id}/apply', {
        params: { path: { id: plan.id } },
        body: { hash: plan.hash },
      }),
    );
    const exit = await follow(connection, run.id, { format: 'text', logs: false });
    if (exit !== EXIT.ok) return exit;
  }
  await welcome(connection, { ...options, domain }, state, url);
  await dashboard(state, url);
  return EXIT.ok;
}

interface LabAccess {
  readonly url: string;
  readonly token: string;
  readonly caCertificate: string;
}

function askLab<T>(lab: LabAccess, method: 'GET' | 'PUT' | 'POST', path: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `PVEAPIToken=${lab.token}`, 'content-length': '0' };
    const asked = request(`${lab.url}/api2/json${path}`, { method, ca: lab.caCertificate, headers }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (data: string) => {
        body += data;
      });
      response.on('end', () => {
        if (response.statusCode === 200) resolve((JSON.parse(body) as { data: T }).data);
        else reject(new Failure(EXIT.fault, `the lab answered ${response.statusCode} to ${method} ${path}`));
      });
    });
    asked.on('error', reject).end();
  });
}

/** What an admin of a real cluster has done before: the data centre's firewall is on, so that rules of guests count. */
const switchFirewallOn = (lab: LabAccess): Promise<unknown> => askLab(lab, 'PUT', '/cluster/firewall/options?enable=1');

/** A node that is switched on starts its guests marked "start at boot"; so does the demo's. */
async function bootGuests(lab: LabAccess): Promise<void> {
  const guests = await askLab<{ vmid: number; node: string; type: string; status: string; template?: number }[]>(
    lab,
    'GET',
    '/cluster/resources?type=vm',
  );
  const stopped = guests.filter((guest) => guest.type === 'lxc' && guest.status === 'stopped' && !guest.template);
  for (const { vmid, node } of stopped) {
    const config = await askLab<{ onboot?: number; lock?: string }>(lab, 'GET', `/nodes/${node}/lxc/${vmid}/config`);
    if (config.onboot === 1 && config.lock === undefined)
      await askLab(lab, 'POST', `/nodes/${node}/lxc/${vmid}/status/start`);
  }
}

/** A run that was cut off when the demo was stopped goes on by itself now; what it leaves open is planned afterwards. */
async function finishOpenRun(connection: Connection, stack: string): Promise<void> {
  const stacks = take(await connection.api.GET('/api/v1/stacks', { params: { query: { site: 'demo' } } }));
  const run = stacks.find((entry) => entry.name === stack && entry.state === 'present')?.latestRun;
  if (!run || !['running', 'cancelling', 'undoing'].includes(run.state)) return;
  note(`the run ${run.id} was cut off and goes on:`);
  await follow(connection, run.id, { format: 'text', logs: false, after: run.lastSeq });
}

/** Where the dashboard is; until there is an admin, with the code that makes one. After the `#` nothing reaches a server or its log. */
async function dashboard(state: string, url: string): Promise<void> {
  const code = await readFile(join(state, 'setup-code'), 'utf8').catch(() => undefined);
  print(`\n${paint.bold('Dashboard')}  ${url}/${code ? `#setup=${code.trim()}` : ''}`);
}

/** Links, first password, how to trust the CA, how to reach the names. */
async function welcome(connection: Connection, options: DemoOptions, state: string, url: string): Promise<void> {
  const stacks = take(await connection.api.GET('/api/v1/stacks', { params: { query: { site: 'demo' } } }));
  const stack = stacks.find((entry) => entry.name === options.blueprint && entry.state === 'present');
  if (!stack) return;
  const view = take(await connection.api.GET('/api/v1/stacks/{id}', { params: { path: { id: stack.id } } }));
  const credentials = take(
    await connection.api.POST('/api/v1/stacks/{id}/credentials', { params: { path: { id: stack.id } } }),
  );
  const address = view.instances.find((entry) => entry.module === 'gateway')?.guests[0]?.address ?? '';
  const hosts = [...new Set(view.links.map((link) => new URL(link.url).hostname))];
  print(
    `\n${paint.bold('Ready.')}\n${table(
      ['APP', 'LINK'],
      view.links.map((link) => [link.title, link.url]),
    )}`,
  );
  print(
    `\n${paint.bold('First sign-in')}\n${table(
      ['WHERE', 'WHO', 'PASSWORD'],
      credentials.map((entry) => [entry.instance, entry.name === 'adminPassword' ? 'admin' : entry.name, entry.value]),
    )}`,
  );
  print(`\n${paint.bold('Trust the site’s CA')} (once, on the machine with the browser)
  curl -sH "Authorization: Bearer $(cat ${join(state, 'api-token')})" ${url}/api/v1/sites/demo/ca-certificate >/usr/local/share/ca-certificates/bastide-demo.crt && update-ca-certificates`);
  print(`\n${paint.bold('Reach the names')}
  echo '${address} ${hosts.join(' ')}' >>/etc/hosts
  or, without touching anything: chromium --host-resolver-rules='MAP *.${options.domain} ${address}'`);
  print(
    `\n${paint.bold('API')}  ${url}/api/v1   ${paint.bold('CLI')}  BASTIDE_STATE_DIR=${state} bin/bastide stack show ${stack.name}`,
  );
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
