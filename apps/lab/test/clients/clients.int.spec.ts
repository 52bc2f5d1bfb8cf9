/** Clients people really use, unchanged, against a lab. A client that is not installed is skipped, and that is said. */
import { spawn, spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import proxmoxApi from 'proxmox-api';
import { Agent, fetch as pinnedFetch } from 'undici';
import { openTestLab, TEMPLATE, type TestLab } from '../test-lab.js';

/** The distribution's own interpreter, whose packages the set-up installs. */
const PYTHON = '/usr/bin/python3';
const HERE = dirname(fileURLToPath(import.meta.url));
const has = (command: string, ...argv: string[]) => spawnSync(command, argv, { stdio: 'ignore' }).status === 0;
const hasProxmoxer = has(PYTHON, '-c', 'import proxmoxer, requests');
const hasAnsible = hasProxmoxer && has('ansible-playbook', '--version');
const hasCurl = has('curl', '--version');
for (const [name, present] of [
  ['proxmoxer', hasProxmoxer],
  ['ansible', hasAnsible],
  ['curl', hasCurl],
] as const)
  if (!present) process.stderr.write(`SKIPPED: ${name} is not installed\n`);

interface Result {
  readonly code: number | null;
  readonly output: string;
}

/** Runs a program to its end. Asynchronous, for the lab answers from this very process. */
function run(
  command: string,
  argv: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, argv, { env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
}

describe('real clients', () => {
  let test: TestLab;
  let ca: string;
  beforeEach(async () => {
    test = await openTestLab();
    ca = join(test.folder, 'certificates/ca.pem');
  });
  afterEach(() => test.close());

  (hasProxmoxer ? it : it.skip)(
    'proxmoxer logs in, makes, changes, snapshots, uploads and removes',
    async () => {
      const { username, password } = test.lab.credentials;
      const result = await run(PYTHON, [
        join(HERE, 'proxmoxer_client.py'),
        `127.0.0.1:${test.lab.port}`,
        username,
        password,
        ca,
      ]);
      expect(result).toEqual({ code: 0, output: 'proxmoxer: done\n' });
    },
    60_000,
  );

  (hasAnsible ? it : it.skip)(
    'the Proxmox modules of Ansible make, start, snapshot, stop and remove guests',
    async () => {
      const { username, password } = test.lab.credentials;
      const variables = JSON.stringify({
        lab_host: `127.0.0.1:${test.lab.port}`,
        lab_user: username,
        lab_password: password,
        ansible_python_interpreter: PYTHON,
      });
      const result = await run(
        'ansible-playbook',
        ['-i', 'localhost,', '-c', 'local', '-e', variables, join(HERE, 'playbook.yml')],
        {
          ANSIBLE_LOCALHOST_WARNING: 'False',
          ANSIBLE_NOCOLOR: '1',
          ANSIBLE_HOME: join(test.folder, 'ansible'),
          PYTHONWARNINGS: 'ignore',
        },
      );
      if (result.code !== 0) throw new Error(result.output);
      expect(await test.root.data('GET', '/cluster/resources', { type: 'vm' })).toEqual([]);
    },
    180_000,
  );

  (hasCurl ? it : it.skip)('curl gets a ticket and writes with it, as the Proxmox wiki shows', async () => {
    const { username, password } = test.lab.credentials;
    const base = ['-s', '--cacert', ca];
    const login = await run('curl', [
      ...base,
      '-d',
      `username=${username}`,
      '--data-urlencode',
      `password=${password}`,
      `${test.lab.url}/api2/json/access/ticket`,
    ]);
    const { ticket, CSRFPreventionToken } = (
      JSON.parse(login.output) as { data: { ticket: string; CSRFPreventionToken: string } }
    ).data;
    const made = await run('curl', [
      ...base,
      '-b',
      `PVEAuthCookie=${ticket}`,
      '-H',
      `CSRFPreventionToken: ${CSRFPreventionToken}`,
      '-X',
      'POST',
      '--data-urlencode',
      'net0=name=eth0,bridge=vmbr0',
      '--data-urlencode',
      `ostemplate=${TEMPLATE}`,
      '--data',
      'vmid=100',
      '--data',
      'storage=local-zfs',
      `${test.lab.url}/api2/json/nodes/lab1/lxc`,
    ]);
    const upid = (JSON.parse(made.output) as { data: string }).data;
    expect(await test.root.exitOf(upid)).toBe('WARNINGS: 1');
  });

  it('npm proxmox-api drives a guest with a pinned certificate', async () => {
    const dispatcher = new Agent({ connect: { ca: test.lab.caCertificate } });
    const [tokenID = '', tokenSecret = ''] = test.lab.rootToken.split('=');
    const pinned = ((input: string, options: object) =>
      pinnedFetch(input, { ...options, dispatcher })) as unknown as typeof fetch;
    const proxmox = proxmoxApi({ host: '127.0.0.1', port: test.lab.port, tokenID, tokenSecret, fetch: pinned });
    try {
      const [node] = await proxmox.nodes.$get();
      expect(node?.node).toBe('lab1');
      const upid = await proxmox.nodes
        .$('lab1')
        .lxc.$post({ vmid: 100, ostemplate: TEMPLATE, storage: 'local-zfs', features: 'nesting=1' });
      expect(await test.root.exitOf(upid)).toBe('OK');
      expect((await proxmox.nodes.$('lab1').lxc.$(100).config.$get()).hostname).toBe('CT100');
    } finally {
      await dispatcher.close();
    }
  });
});
