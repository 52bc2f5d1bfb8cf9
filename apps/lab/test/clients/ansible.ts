/** Ansible against a lab: plays a book, or reads an inventory, and says what came of it. */
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TEMPLATE, type TestLab } from '../test-lab.js';
import { PYTHON, type Result, run } from './run-program.js';

const HERE = dirname(fileURLToPath(import.meta.url));

export interface Inventory {
  readonly groups: Readonly<Record<string, { readonly hosts?: readonly string[] } | undefined>>;
  /** By host name. */
  readonly variables: Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>;
}

/** `program` answers the command of `ansible-playbook` and its like. */
export class Ansible {
  constructor(
    private readonly test: TestLab,
    private readonly program: (name: 'playbook' | 'inventory') => readonly [command: string, ...argv: string[]],
    private readonly environment: Readonly<Record<string, string>> = {},
  ) {}

  private run(name: 'playbook' | 'inventory', argv: readonly string[]): Promise<Result> {
    const [command, ...first] = this.program(name);
    return run(command, [...first, ...argv], {
      ANSIBLE_LOCALHOST_WARNING: 'False',
      ANSIBLE_INVENTORY_UNPARSED_WARNING: 'False',
      ANSIBLE_NOCOLOR: '1',
      ANSIBLE_HOME: join(this.test.folder, 'ansible'),
      PYTHONWARNINGS: 'ignore',
      // For the inventory, whose library trusts no CA but this one, whatever it is told.
      REQUESTS_CA_BUNDLE: join(this.test.folder, 'certificates/ca.pem'),
      ...this.environment,
    });
  }

  /** Answers the tasks that changed something; `more` are variables beside those of every book. */
  async play(book: string, more: Readonly<Record<string, unknown>>): Promise<string[]> {
    const { username, password } = this.test.lab.credentials;
    const variables = JSON.stringify({
      lab_user: username,
      lab_password: password,
      folder: this.test.folder,
      ansible_python_interpreter: PYTHON,
      ...more,
    });
    const argv = ['-i', 'localhost,', '-c', 'local', '-e', variables, join(HERE, book)];
    const { code, output } = await this.run('playbook', argv);
    if (code !== 0 || !/localhost +: ok=\d+ .* failed=0/.test(output)) throw new Error(output);
    const tasks = output.split('\nTASK ').slice(1);
    return tasks.filter((task) => task.includes('\nchanged:')).map((task) => task.slice(0, task.indexOf(' *')));
  }

  /** With a container `wiki` in a pool, running and tagged: what the plugin makes of it. */
  async inventoryOfWiki(plugin: string, more: readonly string[]): Promise<Inventory> {
    const { root, lab, folder } = this.test;
    await root.data('POST', '/pools', { poolid: 'office' });
    await root.run('POST', '/nodes/lab1/lxc', {
      vmid: 110,
      hostname: 'wiki',
      ostemplate: TEMPLATE,
      storage: 'local-zfs',
      pool: 'office',
      tags: 'apps;bastide',
      net0: 'name=eth0,bridge=vmbr0,ip=10.210.0.10/16',
    });
    await root.run('POST', '/nodes/lab1/lxc/110/status/start');
    const file = join(folder, 'lab.proxmox.yml');
    const lines = [
      `plugin: ${plugin}`,
      `url: https://127.0.0.1:${lab.port}`,
      `user: ${lab.credentials.username}`,
      'want_facts: true',
      'want_proxmox_nodes_ansible_host: true',
      'keyed_groups: [{ key: proxmox_tags_parsed, prefix: tag }]',
      ...more,
    ];
    writeFileSync(file, lines.join('\n'));
    const { code, output } = await this.run('inventory', ['-i', file, '--list']);
    if (code !== 0) throw new Error(output);
    const { _meta, ...groups } = JSON.parse(output.slice(output.indexOf('{')));
    if (!groups.proxmox_all_lxc) throw new Error(output);
    return { groups, variables: _meta.hostvars };
  }
}

export const GROUPS_OF_WIKI = [
  'proxmox_all_lxc',
  'proxmox_all_running',
  'proxmox_pool_office',
  'proxmox_lab1_lxc',
  'tag_apps',
];
