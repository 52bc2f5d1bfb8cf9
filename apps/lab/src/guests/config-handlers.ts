/** GET, POST and PUT of config, /pending, cloud-init. */

import { parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import type { GuestConfig, GuestType } from '../state/model.js';
import { digestOf, guestOf, pendingConfig, withGuestLock } from './guests.js';
import { applyChange, guestForChange, readChange } from './update-config.js';

const SECRET = '**********';

const masked = (config: GuestConfig): GuestConfig =>
  config.cipassword === undefined ? config : { ...config, cipassword: SECRET };

function readConfig(call: Call, type: GuestType): unknown {
  const guest = guestOf(call, type);
  const name = call.text('snapshot');
  if (name !== undefined) {
    if (call.flag('current'))
      throw parameterError({
        snapshot: "cannot use 'snapshot' parameter with 'current'",
        current: "cannot use 'snapshot' parameter with 'current'",
      });
    const snapshot = guest.snapshots[name];
    if (!snapshot) throw new Error(`snapshot '${name}' does not exist`);
    return { ...masked(snapshot.config), digest: digestOf(guest) };
  }
  return { ...masked(call.flag('current') ? guest.config : pendingConfig(guest)), digest: digestOf(guest) };
}

function readPending(call: Call, type: GuestType): unknown {
  const guest = guestOf(call, type);
  const current = masked(guest.config);
  const pending = masked(guest.pending);
  const keys = new Set([...Object.keys(current), ...Object.keys(pending)]);
  return [
    ...[...keys].map((key) => ({
      key,
      ...(current[key] === undefined ? {} : { value: current[key] }),
      ...(pending[key] === undefined ? {} : { pending: pending[key] }),
      ...(guest.pendingDelete.includes(key) ? { delete: 1 } : {}),
    })),
    { key: 'digest', value: digestOf(guest) },
  ];
}

const FOREVER = new AbortController().signal;

async function updateNow(call: Call, type: GuestType): Promise<null> {
  const change = await readChange(call, type);
  guestForChange(call, type);
  await withGuestLock(call.lab, type, call.vmid, FOREVER, async () => {
    await applyChange(call, guestForChange(call, type), change, FOREVER);
  });
  return null;
}

async function updateInTask(call: Call): Promise<string> {
  const change = await readChange(call, 'qemu');
  guestForChange(call, 'qemu');
  return call.task('qmconfig', call.vmid, (task) =>
    withGuestLock(call.lab, 'qemu', call.vmid, task.signal, () =>
      applyChange(call, guestForChange(call, 'qemu'), change, task.signal),
    ),
  );
}

/** The NoCloud documents the fields amount to. */
function dumpCloudInit(call: Call): string {
  const guest = guestOf(call, 'qemu');
  const config = pendingConfig(guest);
  const name = String(config.name ?? `VM${guest.vmid}`);
  if (call.text('type') === 'meta') return `instance-id: ${digestOf(guest)}\n`;
  if (call.text('type') === 'user') {
    const keys = decodeURIComponent(String(config.sshkeys ?? ''))
      .split('\n')
      .filter((line) => line.trim() !== '');
    return [
      '#cloud-config',
      `hostname: ${name}`,
      'manage_etc_hosts: true',
      ...(config.ciuser === undefined ? [] : [`user: ${config.ciuser}`]),
      ...(config.cipassword === undefined ? [] : [`password: ${config.cipassword}`]),
      ...(keys.length > 0 ? ['ssh_authorized_keys:', ...keys.map((key) => `  - ${key}`)] : []),
      'chpasswd:',
      '  expire: False',
      'users:',
      '  - default',
      ...(config.ciupgrade === 0 ? [] : ['package_upgrade: true']),
      '',
    ].join('\n');
  }
  const lines = ['version: 1', 'config:'];
  for (const key of Object.keys(config)
    .filter((one) => /^net\d+$/.test(one))
    .sort()) {
    const index = key.slice(3);
    const mac = /=([0-9A-Fa-f:]{17})/.exec(String(config[key]))?.[1]?.toLowerCase() ?? '';
    lines.push('    - type: physical', `      name: eth${index}`, `      mac_address: '${mac}'`, '      subnets:');
    const ip = /(?:^|,)ip=([^,]+)/.exec(String(config[`ipconfig${index}`] ?? ''))?.[1] ?? 'dhcp';
    if (ip === 'dhcp') lines.push('      - type: dhcp4');
    else {
      lines.push(
        '      - type: static',
        `        address: '${ip.split('/')[0]}'`,
        `        netmask: '${netmask(Number(ip.split('/')[1] ?? 32))}'`,
      );
      const gateway = /(?:^|,)gw=([^,]+)/.exec(String(config[`ipconfig${index}`]))?.[1];
      if (gateway) lines.push(`        gateway: '${gateway}'`);
    }
  }
  const list = (value: string | number | undefined) =>
    String(value ?? '')
      .split(/[\s,;]+/)
      .filter((one) => one !== '');
  lines.push('    - type: nameserver', '      address:', ...list(config.nameserver).map((one) => `      - '${one}'`));
  lines.push('      search:', ...list(config.searchdomain).map((one) => `      - '${one}'`), '');
  return lines.join('\n');
}

function netmask(prefix: number): string {
  const bits = prefix === 0 ? 0 : (0xffff_ffff << (32 - prefix)) >>> 0;
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 0xff).join('.');
}

export const configHandlers: Handlers = {
  'GET /nodes/{node}/qemu/{vmid}/config': (call) => readConfig(call, 'qemu'),
  'GET /nodes/{node}/lxc/{vmid}/config': (call) => readConfig(call, 'lxc'),
  'PUT /nodes/{node}/qemu/{vmid}/config': (call) => updateNow(call, 'qemu'),
  'PUT /nodes/{node}/lxc/{vmid}/config': (call) => updateNow(call, 'lxc'),
  'POST /nodes/{node}/qemu/{vmid}/config': updateInTask,
  'PUT /nodes/{node}/qemu/{vmid}/unlink': (call) => updateNow(call, 'qemu'),
  'GET /nodes/{node}/qemu/{vmid}/pending': (call) => readPending(call, 'qemu'),
  'GET /nodes/{node}/lxc/{vmid}/pending': (call) => readPending(call, 'lxc'),
  'GET /nodes/{node}/qemu/{vmid}/cloudinit': (call) => {
    const config = masked(pendingConfig(guestOf(call, 'qemu')));
    return Object.keys(config)
      .filter((key) => /^(ci\w+|ipconfig\d+|nameserver|searchdomain|sshkeys|name|net\d+)$/.test(key))
      .map((key) => ({ key, value: config[key] }));
  },
  'PUT /nodes/{node}/qemu/{vmid}/cloudinit': (call) => {
    guestForChange(call, 'qemu');
    return null;
  },
  'GET /nodes/{node}/qemu/{vmid}/cloudinit/dump': dumpCloudInit,
};
