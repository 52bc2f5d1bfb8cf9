/** The collection community.proxmox, newer than what Debian 12 has, unchanged against a lab; see infra/setup/newer-ansible.sh. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openTestLab, type TestLab } from '../test-lab.js';
import { Ansible, GROUPS_OF_WIKI } from './ansible.js';
import { PYTHON, run } from './run-program.js';

const HERE = dirname(fileURLToPath(import.meta.url));
const SETUP = join(HERE, '../../../../infra/setup/newer-ansible.sh');

// Only whether it can be had is asked before the tests are named; the script then says why not.
const found = await run('bash', ['-c', `'${SETUP}' && ${PYTHON} -c 'import requests, yaml, jinja2, cryptography'`]);
const folder = found.output.trim().split('\n').at(-1) ?? '';
if (found.code !== 0) process.stderr.write(`SKIPPED: no newer Ansible\n${found.output}`);

describe('Ansible’s community.proxmox', () => {
  let test: TestLab;
  beforeEach(async () => {
    test = await openTestLab();
  });
  afterEach(() => test.close());

  const ansible = () =>
    new Ansible(test, (name) => [PYTHON, '-m', 'ansible', name], {
      PYTHONPATH: join(folder, 'python'),
      ANSIBLE_COLLECTIONS_PATH: join(folder, 'collections'),
    });
  const token = () => {
    const [id = '', secret = ''] = test.lab.rootToken.split('=');
    return { id: id.split('!')[1] ?? '', secret };
  };
  const play = (book: string): Promise<string[]> =>
    ansible().play(book, {
      lab_host: '127.0.0.1',
      lab_port: test.lab.port,
      lab_token_id: token().id,
      lab_token_secret: token().secret,
    });

  (found.code === 0 ? it : it.skip)(
    'makes what is declared once, changes nothing the second time, and takes it all away',
    async () => {
      // What the collection cannot make: a backup job, and (1.3.0 with Proxmox VE 9, whose words it does not know) a user.
      await test.root.data('POST', '/access/users', { userid: 'ada@pve' });
      const job = { id: 'nightly', schedule: '02:30', storage: 'local', vmid: 300, mode: 'snapshot', enabled: 1 };
      await test.root.data('POST', '/cluster/backup', job);
      expect((await play('newer-desired.yml')).length).toBeGreaterThan(15);
      expect(await play('newer-desired.yml')).toEqual([]);
      await play('newer-verbs.yml');
      expect(await test.root.data('GET', '/cluster/resources', { type: 'vm' })).toEqual([]);
      // With its last guest the job goes as well.
      expect(await test.root.data('GET', '/cluster/backup')).toEqual([]);
    },
    300_000,
  );

  (found.code === 0 ? it : it.skip)(
    'lists guests, their addresses and groups in its inventory',
    async () => {
      const { groups, variables } = await ansible().inventoryOfWiki('community.proxmox.proxmox', [
        `token_id: ${token().id}`,
        `token_secret: ${token().secret}`,
        'validate_certs: true',
        'compose: { ansible_host: proxmox_net0.ip }',
      ]);
      for (const group of GROUPS_OF_WIKI) expect([group, groups[group]?.hosts]).toEqual([group, ['wiki']]);
      expect([...(groups.proxmox_nodes?.hosts ?? [])].sort()).toEqual(['lab1', 'lab2']);
      const wiki = Object.entries(variables.wiki ?? {}).map(([name, value]) => {
        // ansible-core 2.19 marks text from outside.
        const { __ansible_unsafe: text } = Object(value) as { __ansible_unsafe?: string };
        return [name, text ?? value];
      });
      expect(Object.fromEntries(wiki)).toMatchObject({
        proxmox_vmid: 110,
        proxmox_status: 'running',
        proxmox_ostype: 'debian',
        ansible_host: '10.210.0.10/16',
      });
    },
    120_000,
  );

  (found.code === 0 ? it : it.skip)(
    'the newer proxmoxer, with its tools for tasks and files, works as well',
    async () => {
      const { username, password } = test.lab.credentials;
      const ca = join(test.folder, 'certificates/ca.pem');
      const argv = [`127.0.0.1:${test.lab.port}`, username, password, ca, test.lab.rootToken, test.folder];
      const result = await run(PYTHON, [join(HERE, 'proxmoxer_client.py'), ...argv], {
        PYTHONPATH: join(folder, 'python'),
      });
      expect(result).toEqual({ code: 0, output: 'proxmoxer: done\n' });
    },
    60_000,
  );
});
