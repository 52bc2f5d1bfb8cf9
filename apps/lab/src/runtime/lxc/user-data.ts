/**
 * cloud-init user-data without cloud-init: the part of `#cloud-config` an orchestrator uses, and `#!` scripts, turned into
 * a shell script that a unit of the image runs once, after the network is up. Anything else is refused by name, since
 * silently leaving it out would make the lab lie.
 */
import { parse } from 'yaml';
import { RuntimeError } from '../guest-runtime.port.js';

const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
const KNOWN = [
  'hostname',
  'fqdn',
  'manage_etc_hosts',
  'package_update',
  'package_upgrade',
  'packages',
  'write_files',
  'runcmd',
  'bootcmd',
  'ssh_authorized_keys',
  'timezone',
  'user',
  'users',
  'password',
  'chpasswd',
  'disable_root',
  'ssh_pwauth',
  'final_message',
  'locale',
];

export function firstBootScript(userData: string): string {
  if (userData.startsWith('#!'))
    return `cat >/var/lib/bastide-lab/user-script <<'END-OF-USER-DATA'\n${userData}\nEND-OF-USER-DATA\nchmod 700 /var/lib/bastide-lab/user-script\nexec /var/lib/bastide-lab/user-script\n`;
  if (!userData.startsWith('#cloud-config'))
    throw new RuntimeError('the user-data is neither #cloud-config nor a script with #!');
  const config = (parse(userData) ?? {}) as Record<string, unknown>;
  const unknown = Object.keys(config).filter((key) => !KNOWN.includes(key));
  if (unknown.length > 0)
    throw new RuntimeError(`the lab does not know these keys of the user-data: ${unknown.join(', ')}`);
  const lines = [
    'export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive HOME=/root',
  ];
  lines.push(...commands(config.bootcmd));
  if (typeof config.timezone === 'string')
    lines.push(`ln -sf ${quote(`/usr/share/zoneinfo/${config.timezone}`)} /etc/localtime`);
  for (const user of listOf<unknown>(config.users))
    if (user && typeof user === 'object') lines.push(...addUser(user as Record<string, unknown>));
  for (const key of listOf<string>(config.ssh_authorized_keys))
    lines.push(
      'mkdir -p -m 700 /root/.ssh',
      `printf '%s\\n' ${quote(key)} >>/root/.ssh/authorized_keys`,
      'chmod 600 /root/.ssh/authorized_keys',
    );
  if (config.package_update || config.package_upgrade) lines.push('apt-get -q update');
  if (config.package_upgrade) lines.push('apt-get -qy dist-upgrade');
  const packages = listOf<string>(config.packages);
  if (packages.length > 0) lines.push(`apt-get -qy install ${packages.map(quote).join(' ')}`);
  for (const file of listOf<Record<string, unknown>>(config.write_files)) lines.push(...writeFile(file));
  lines.push(...commands(config.runcmd));
  return `${lines.join('\n')}\n`;
}

function textOf(value: unknown, otherwise: string): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : otherwise;
}

function listOf<T>(value: unknown): T[] {
  return Array.isArray(value) ? (value as T[]) : [];
}

/** A command is a line for the shell or a list of words. */
function commands(value: unknown): string[] {
  return listOf<unknown>(value).map((command) =>
    Array.isArray(command) ? command.map((word) => quote(String(word))).join(' ') : String(command),
  );
}

function writeFile(file: Record<string, unknown>): string[] {
  if (!textOf(file.path, '').startsWith('/'))
    throw new RuntimeError('user-data: an entry of write_files has no absolute path');
  const path = quote(textOf(file.path, ''));
  const encoding = textOf(file.encoding, 'text/plain');
  const zipped = /gz/.test(encoding);
  const body = /b64|base64/.test(encoding)
    ? textOf(file.content, '').replace(/\s/g, '')
    : Buffer.from(textOf(file.content, '')).toString('base64');
  return [
    `mkdir -p "$(dirname ${path})"`,
    `printf %s ${quote(body)} | base64 -d ${zipped ? '| gzip -dc ' : ''}${file.append ? '>>' : '>'}${path}`,
    `chmod ${quote(textOf(file.permissions, '0644'))} ${path}`,
    ...(file.owner ? [`chown ${quote(textOf(file.owner, 'root'))} ${path}`] : []),
  ];
}

function addUser(user: Record<string, unknown>): string[] {
  const name = textOf(user.name, '');
  if (!/^[a-z_][a-z0-9_-]{0,31}$/.test(name)) throw new RuntimeError(`user-data: '${name}' is no user name`);
  const plain = quote(name);
  const groups = Array.isArray(user.groups)
    ? user.groups.join(',')
    : typeof user.groups === 'string'
      ? user.groups.replace(/\s/g, '')
      : '';
  const rules = Array.isArray(user.sudo) ? user.sudo : typeof user.sudo === 'string' ? [user.sudo] : [];
  return [
    `id -u ${plain} >/dev/null 2>&1 || useradd -m -s ${quote(textOf(user.shell, '/bin/bash'))} ${plain}`,
    ...(groups ? [`usermod -aG ${quote(groups)} ${plain}`] : []),
    ...rules.map((rule) => `printf '%s %s\\n' ${plain} ${quote(String(rule))} >>/etc/sudoers.d/90-user-data`),
    ...listOf<string>(user.ssh_authorized_keys).flatMap((key) => [
      `install -d -m 700 -o ${plain} "$(getent passwd ${plain} | cut -d: -f6)/.ssh"`,
      `printf '%s\\n' ${quote(key)} >>"$(getent passwd ${plain} | cut -d: -f6)/.ssh/authorized_keys"`,
    ]),
  ];
}
