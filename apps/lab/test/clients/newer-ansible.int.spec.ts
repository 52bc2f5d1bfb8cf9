/** The collection community.proxmox, newer than what Debian 12 has, unchanged against a lab; see infra/setup/newer-ansible.sh. */
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openTestLab, TEMPLATE, type TestLab } from '../test-lab.js';
import { PYTHON, type Result, run } from './run-program.js';

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

  const ansible = (program: string, argv: readonly string[]): Promise<Result> =>
    run(PYTHON, ['-m', 'ansible', program, ...argv], {
      PYTHONPATH: join(folder, 'python'),
      ANSIBLE_COLLECTIONS_PATH: join(folder, 'collections'),
      ANSIBLE_HOME: join(test.folder, 'ansible'),
      ANSIBLE_LOCALHOST_WARNING: 'False',
      ANSIBLE_INVENTORY_UNPARSED_WARNING: 'False',
      ANSIBLE_NOCOLOR: '1',
      PYTHONWARNINGS: 'ignore',
      REQUESTS_CA_BUNDLE: join(test.folder, 'certificates/ca.pem'),
    });
  /** Answers the tasks that changed something. */
  const play = async (book: string): Promise<string[]> => {
    const [tokenId = '', secret = ''] = test.lab.rootToken.split('=');
    const variables = {
      lab_host: '127.0.0.1',
      lab_port: test.lab.port,
      lab_user: test.lab.credentials.username,
      lab_password: test.lab.credentials.password,
      lab_token_id: tokenId.split('!')[1],
      lab_token_secret: secret,
      folder: test.folder,
      ansible_python_interpreter: PYTHON,
    };
    const argv = ['-i', 'localhost,', '-c', 'local', '-e', JSON.stringify(variables), join(HERE, book)];
    const result = await ansible('playbook', argv);
    if (result.code !== 0 || !/localhost +: ok=\d+ .* failed=0/.test(result.output)) throw new Error(result.output);
    const tasks = result.output.split('\nTASK ').slice(1);
    return tasks.filter((task) => task.includes('\nchanged:')).map((task) => task.slice(0, task.indexOf(' *')));
  };

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
      await test.root.data('POST', '/pools', { poolid: 'office' });
      await test.root.run('POST', '/nodes/lab1/lxc', {
        vmid: 110,
        hostname: 'wiki',
        ostemplate: TEMPLATE,
        storage: 'local-zfs',
        pool: 'office',
        tags: 'apps;bastide',
        net0: 'name=eth0,bridge=vmbr0,ip=10.210.0.10/16',
      });
      await test.root.run('POST', '/nodes/lab1/lxc/110/status/start');
      const [tokenId = '', secret = ''] = test.lab.rootToken.split('=');
      const file = join(test.folder, 'lab.proxmox.yml');
      writeFileSync(
        file,
        [
          'plugin: community.proxmox.proxmox',
          `url: https://127.0.0.1:${test.lab.port}`,
          `user: ${test.lab.credentials.username}`,
          `token_id: ${tokenId.split('!')[1]}`,
          `token_secret: ${secret}`,
          'validate_certs: true',
          'want_facts: true',
          'want_proxmox_nodes_ansible_host: true',
          'keyed_groups: [{ key: proxmox_tags_parsed, prefix: tag }]',
          'compose: { ansible_host: proxmox_net0.ip }',
        ].join('\n'),
      );
      const result = await ansible('inventory', ['-i', file, '--list']);
      if (result.code !== 0) throw new Error(result.output);
      const listed = JSON.parse(result.output.slice(result.output.indexOf('{'))) as Record<
        string,
        { hosts?: string[] }
      > & {
        _meta: { hostvars: Record<string, Record<string, unknown>> };
      };
      if (!listed['proxmox_all_lxc']) throw new Error(result.output);
      for (const group of [
        'proxmox_all_lxc',
        'proxmox_all_running',
        'proxmox_pool_office',
        'proxmox_lab1_lxc',
        'tag_apps',
      ])
        expect([group, listed[group]?.hosts]).toEqual([group, ['wiki']]);
      expect(listed['proxmox_nodes']?.hosts?.sort()).toEqual(['lab1', 'lab2']);
      const wiki = Object.entries(listed._meta.hostvars['wiki'] ?? {}).map(([name, value]) => {
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
