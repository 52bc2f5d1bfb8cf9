/** The guest agent's calls: answered by the running guest, refused as the real ones are where there is no agent. */

import { ownDisks } from '../guests/disks.js';
import { guestOf } from '../guests/guests.js';
import { shutdownLocked } from '../guests/power.js';
import { hasAgent } from '../guests/status.js';
import { fail } from '../http/api-error.js';
import type { Call, Handler, Handlers } from '../http/call.js';
import type { Guest } from '../state/model.js';
import { EXEC_COMMANDS, execHandlers } from './agent-exec.js';

/** Throws what Proxmox says where nobody can answer. `agent: 0` counts as configured, but nothing listens then. */
export function agentOf(call: Call): Guest {
  const guest = guestOf(call, 'qemu');
  const { agent } = guest.config;
  if (agent === undefined) throw fail('No QEMU guest agent configured');
  if (!guest.running) throw fail(`VM ${call.vmid} is not running`);
  if (!hasAgent(guest) || guest.running.hollow || guest.running.paused || call.lab.faults.isAgentAbsent(call.vmid))
    throw fail('QEMU guest agent is not running');
  return guest;
}

const NO_TRAFFIC = {
  'rx-bytes': 0,
  'rx-packets': 0,
  'rx-errs': 0,
  'rx-dropped': 0,
  'tx-bytes': 0,
  'tx-packets': 0,
  'tx-errs': 0,
  'tx-dropped': 0,
};

async function interfaces(call: Call): Promise<unknown> {
  const found = await call.lab.runtime.addresses(call.vmid);
  return found.map((one) => ({
    name: one.name,
    'hardware-address': one.mac.toLowerCase(),
    'ip-addresses': one.addresses.map((text) => {
      const [address = '', prefix = '32'] = text.split('/');
      return {
        'ip-address': address,
        'ip-address-type': address.includes(':') ? 'ipv6' : 'ipv4',
        prefix: Number(prefix),
      };
    }),
    statistics: NO_TRAFFIC,
  }));
}

const DEBIAN: Readonly<Record<string, string>> = {
  ID: 'debian',
  NAME: 'Debian GNU/Linux',
  PRETTY_NAME: 'Debian GNU/Linux 12 (bookworm)',
  VERSION: '12 (bookworm)',
  VERSION_ID: '12',
};

async function release(call: Call): Promise<Readonly<Record<string, string>>> {
  const text = await call.lab.runtime.readFile(call.vmid, '/etc/os-release', 16_384).catch(() => undefined);
  if (!text) return DEBIAN;
  const found = [...text.toString('utf8').matchAll(/^([A-Z_]+)="?([^"\n]*)"?$/gm)];
  return Object.fromEntries(found.map(([, key = '', value = '']) => [key, value]));
}

async function osInfo(call: Call): Promise<unknown> {
  const facts = await release(call);
  return {
    id: facts.ID ?? '',
    name: facts.NAME ?? '',
    'pretty-name': facts.PRETTY_NAME ?? '',
    version: facts.VERSION ?? '',
    'version-id': facts.VERSION_ID ?? '',
    machine: 'x86_64',
    'kernel-release': '6.1.0-lab-amd64',
    'kernel-version': '#1 SMP PREEMPT_DYNAMIC',
  };
}

async function fileSystems(call: Call, guest: Guest): Promise<unknown> {
  const root = ownDisks(call.lab, guest).find((disk) => !disk.isCdrom);
  if (!root) return [];
  const usage = await call.lab.runtime.usage(call.vmid);
  return [
    {
      name: 'sda1',
      mountpoint: '/',
      type: 'ext4',
      'total-bytes': root.volume.size,
      'used-bytes': Math.min(root.volume.size, usage.diskBytes || root.volume.used),
      disk: [{ bus: 0, target: 0, unit: 0, 'bus-type': 'scsi', dev: '/dev/sda1' }],
    },
  ];
}

const cpus = (guest: Guest) =>
  Array.from({ length: Number(guest.config.cores ?? 1) * Number(guest.config.sockets ?? 1) }, (_, index) => ({
    'logical-id': index,
    online: true,
    'can-offline': index > 0,
  }));

/** Guests whose file systems are held still. */
const frozen = new WeakSet<Guest>();

function powerOff(call: Call, guest: Guest): unknown {
  // The agent answers nothing; the guest ends when it is ready.
  void shutdownLocked(call.lab, guest, 60, AbortSignal.timeout(120_000)).catch(() => undefined);
  return {};
}

const unsupported = () => {
  throw fail('Agent error: this feature or command is not currently supported');
};

type Command = readonly [method: 'GET' | 'POST', answer: (call: Call, guest: Guest) => unknown];
const COMMANDS: Readonly<Record<string, Command>> = {
  ping: ['POST', () => ({})],
  'get-time': ['GET', (call) => call.lab.now() * 1_000_000],
  info: ['GET', () => ({ version: '7.2.22', supported_commands: supported() })],
  'fsfreeze-status': ['POST', (_, guest) => (frozen.has(guest) ? 'frozen' : 'thawed')],
  'fsfreeze-freeze': [
    'POST',
    (_, guest) => {
      frozen.add(guest);
      return 1;
    },
  ],
  'fsfreeze-thaw': ['POST', (_, guest) => (frozen.delete(guest) ? 1 : 0)],
  fstrim: ['POST', () => ({ paths: [{ path: '/', minimum: 0, trimmed: 0 }] })],
  'network-get-interfaces': ['GET', interfaces],
  'get-vcpus': ['GET', (_, guest) => cpus(guest)],
  'get-fsinfo': ['GET', fileSystems],
  'get-memory-blocks': ['GET', () => []],
  'get-memory-block-info': ['GET', () => ({ size: 128 * 2 ** 20 })],
  'suspend-hybrid': ['POST', unsupported],
  'suspend-ram': ['POST', unsupported],
  'suspend-disk': ['POST', unsupported],
  shutdown: ['POST', powerOff],
  'get-host-name': ['GET', (_, guest) => ({ 'host-name': String(guest.config.name ?? `VM${guest.vmid}`) })],
  'get-osinfo': ['GET', osInfo],
  'get-users': ['GET', () => []],
  'get-timezone': ['GET', () => ({ offset: 0, zone: 'UTC' })],
};
const LISTED = Object.keys(COMMANDS);

const supported = () =>
  [...LISTED, ...EXEC_COMMANDS].sort().map((name) => ({
    name: `guest-${name}`,
    enabled: true,
    'success-response': !/^(?:shutdown|suspend-)/.test(name),
  }));

const run = async (call: Call, name: string) => {
  const command = COMMANDS[name];
  const guest = agentOf(call);
  return { result: await command?.[1](call, guest) };
};

const agent = '/nodes/{node}/qemu/{vmid}/agent';
const simple: Record<string, Handler> = {};
for (const name of LISTED) simple[`${COMMANDS[name]?.[0]} ${agent}/${name}`] = (call) => run(call, name);

export const agentHandlers: Handlers = {
  ...simple,
  ...execHandlers(agentOf),
  [`GET ${agent}`]: () => [...LISTED, ...EXEC_COMMANDS].sort().map((name) => ({ name })),
  // The old way: the command as a parameter.
  [`POST ${agent}`]: (call) => run(call, call.need('command')),
};
