/** Clients people really use, unchanged, against a lab. A client that is not installed is skipped, and that is said. */
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import proxmoxApi from 'proxmox-api';
import { Agent, fetch as pinnedFetch } from 'undici';
import { openTestLab, TEMPLATE, type TestLab } from '../test-lab.js';
import { Ansible, GROUPS_OF_WIKI } from './ansible.js';
import { has, PYTHON, run } from './run-program.js';

const HERE = dirname(fileURLToPath(import.meta.url));
const hasProxmoxer = has(PYTHON, '-c', 'import proxmoxer, requests');
const hasAnsible = hasProxmoxer && has('ansible-playbook', '--version');
const hasCurl = has('curl', '--version');
for (const [name, present] of [
  ['proxmoxer', hasProxmoxer],
  ['ansible', hasAnsible],
  ['curl', hasCurl],
] as const)
  if (!present) process.stderr.write(`SKIPPED: ${name} is not installed\n`);

describe('real clients', () => {
  let test: TestLab;
  let ca: string;
  beforeEach(async () => {
    test = await openTestLab();
    ca = join(test.folder, 'certificates/ca.pem');
  });
  afterEach(() => test.close());

  (hasProxmoxer ? it : it.skip)(
    'proxmoxer logs in by password and by token, makes, changes, snapshots, uploads and removes',
    async () => {
      const { username, password } = test.lab.credentials;
      const result = await run(PYTHON, [
        join(HERE, 'proxmoxer_client.py'),
        `127.0.0.1:${test.lab.port}`,
        username,
        password,
        ca,
        test.lab.rootToken,
        test.folder,
      ]);
      expect(result).toEqual({ code: 0, output: 'proxmoxer: done\n' });
    },
    60_000,
  );

  const ansible = () => new Ansible(test, (name) => [`ansible-${name}`]);
  const play = async (book: string): Promise<void> => {
    await ansible().play(book, { lab_host: `127.0.0.1:${test.lab.port}` });
    expect(await test.root.data('GET', '/cluster/resources', { type: 'vm' })).toEqual([]);
  };

  (hasAnsible ? it : it.skip)(
    'the Proxmox modules of Ansible make, start, snapshot, stop and remove guests',
    () => play('playbook.yml'),
    180_000,
  );

  (hasAnsible ? it : it.skip)(
    'the Proxmox modules of Ansible add, grow and remove disks and interfaces, clone, upload, and tell what is there',
    () => play('playbook-more.yml'),
    240_000,
  );

  (hasAnsible ? it : it.skip)(
    'Ansible’s inventory plugin lists guests with their addresses, tags, pools and states',
    async () => {
      const { groups, variables } = await ansible().inventoryOfWiki('community.general.proxmox', [
        `password: ${test.lab.credentials.password}`,
        'validate_certs: false',
      ]);
      for (const group of GROUPS_OF_WIKI) expect([group, groups[group]?.hosts]).toEqual([group, ['wiki']]);
      expect(groups.proxmox_nodes?.hosts).toEqual(expect.arrayContaining(['lab1', 'lab2']));
      expect(variables.wiki).toMatchObject({ proxmox_vmid: 110, proxmox_status: 'running' });
    },
    90_000,
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
    // A file as a form, with the ticket alone: uploads are asked for by forms of browsers.
    const image = join(test.folder, 'curl.iso');
    writeFileSync(image, 'no real image');
    const sent = await run('curl', [
      ...[...base, '-b', `PVEAuthCookie=${ticket}`, '-H', `CSRFPreventionToken: ${CSRFPreventionToken}`],
      ...['-F', 'content=iso', '-F', `filename=@${image}`, `${test.lab.url}/api2/json/nodes/lab1/storage/local/upload`],
    ]);
    expect(await test.root.exitOf((JSON.parse(sent.output) as { data: string }).data)).toBe('OK');
    // A token in a header, parameters in the query, the answer's status and reason.
    const token = ['-H', `Authorization: PVEAPIToken=${test.lab.rootToken}`];
    const files = await run('curl', [
      ...[...base, ...token, '-G', '--data-urlencode', 'content=iso'],
      `${test.lab.url}/api2/json/nodes/lab1/storage/local/content`,
    ]);
    expect((JSON.parse(files.output) as { data: { volid: string }[] }).data[0]?.volid).toBe('local:iso/curl.iso');
    const unsigned = await run('curl', [
      ...[...base, '-D', '-', '-o', '/dev/null', '-b', `PVEAuthCookie=${ticket}`, '-X', 'DELETE'],
      `${test.lab.url}/api2/json/nodes/lab1/lxc/100`,
    ]);
    expect(unsigned.output).toMatch(/^HTTP\/1\.1 401 Permission denied - invalid csrf token/);
    const gone = await run('curl', [...base, ...token, '-X', 'DELETE', `${test.lab.url}/api2/json/nodes/lab1/lxc/100`]);
    expect(await test.root.exitOf((JSON.parse(gone.output) as { data: string }).data)).toBe('OK');
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
