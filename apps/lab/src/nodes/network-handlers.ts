/** /nodes/{node}/network: interfaces are changed in a new file, applied by one task, or dropped. */
import { parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import { splitList } from '../schema/formats.js';
import type { Value } from '../schema/validate.js';
import {
  applyNext,
  currentInterfaces,
  dropNext,
  hasChanges,
  type Interface,
  nextInterfaces,
  saveNext,
} from './interfaces.js';

const NOT_KEPT = new Set(['node', 'iface', 'delete', 'cidr', 'cidr6']);
const isBridge = (one: Interface) => one.type === 'bridge' || one.type === 'OVSBridge';

function row(call: Call, iface: string, one: Interface, priority: number): Record<string, unknown> {
  const isActive = currentInterfaces(call.lab, call.node)[iface] !== undefined;
  // What is a word in /etc/network/interfaces is told as text, also where it is a number.
  const texts = ['mtu', 'vlan-id'].flatMap((key) => (one[key] === undefined ? [] : [[key, String(one[key])]]));
  return { ...one, ...Object.fromEntries(texts), iface, priority, ...(isActive ? { active: 1 } : {}) };
}

function difference(call: Call): string {
  const lines = (all: Readonly<Record<string, Interface>>) =>
    Object.entries(all).flatMap(([name, one]) => [
      `auto ${name}`,
      `iface ${name} inet ${String(one.method)}`,
      ...(one.cidr ? [`\taddress ${String(one.cidr)}`] : []),
      ...(one.gateway ? [`\tgateway ${String(one.gateway)}`] : []),
      ...(one.bridge_ports === undefined ? [] : [`\tbridge-ports ${String(one.bridge_ports) || 'none'}`]),
      '',
    ]);
  const before = lines(currentInterfaces(call.lab, call.node));
  const after = lines(nextInterfaces(call.lab, call.node));
  const gone = before.filter((line) => line !== '' && !after.includes(line)).map((line) => `-${line}`);
  const come = after.filter((line) => line !== '' && !before.includes(line)).map((line) => `+${line}`);
  return ['--- /etc/network/interfaces', '+++ /etc/network/interfaces.new', '@@', ...gone, ...come, ''].join('\n');
}

function list(call: Call): unknown {
  const { lab, node } = call;
  if (hasChanges(lab, node)) call.extra.changes = difference(call);
  const type = call.text('type');
  const rows = Object.entries(nextInterfaces(lab, node))
    .filter(([name, one]) => {
      if (type === 'include_sdn' || type === undefined) return true;
      return (
        type === one.type || (isBridge(one) && (type === 'any_bridge' || type === 'any_local_bridge')) || name === ''
      );
    })
    .filter(
      ([name, one]) =>
        !isBridge(one) ||
        call.caller.isRoot ||
        call.can(`/sdn/zones/localnetwork/${name}`, ['SDN.Audit', 'SDN.Use'], true),
    )
    .map(([name, one], index) => row(call, name, one, index + 3));
  if (type !== 'any_bridge' && type !== 'include_sdn' && type !== 'vnet') return rows;
  const vnets = [...lab.journal.entries<Record<string, Value>>('sdn-running-vnet')]
    .filter(([name, vnet]) =>
      call.can(`/sdn/zones/${String(vnet.zone)}/${name}`, ['SDN.Audit', 'SDN.Use', 'SDN.Allocate'], true),
    )
    .map(([iface]) => ({ iface, type: 'vnet', active: 1 }));
  return [...rows, ...vnets];
}

/** `255.255.255.0` is 24; anything else stays what it is. */
function prefixOf(netmask: string): string {
  const parts = netmask.split('.').map(Number);
  if (parts.length !== 4) return netmask;
  return String(parts.map((part) => part.toString(2).replaceAll('0', '').length).reduce((sum, bits) => sum + bits, 0));
}

/** An address may come as CIDR or in two parts; both forms are kept. */
function withAddress(entry: Record<string, Value>, call: Call): void {
  for (const [cidr, address, netmask, all] of [
    ['cidr', 'address', 'netmask', '32'],
    ['cidr6', 'address6', 'netmask6', '128'],
  ] as const) {
    const given = call.text(cidr);
    if (given !== undefined) {
      for (const part of [address, netmask])
        if (entry[part]) throw parameterError({ [part]: `${part} conflicts with ${cidr}` });
      const [host = '', prefix = ''] = given.split('/');
      Object.assign(entry, { [address]: host, [netmask]: prefix, [cidr]: given });
    } else if (entry[address] !== undefined) {
      if (entry[netmask] !== undefined) entry[netmask] = prefixOf(String(entry[netmask]));
      entry[cidr] = `${String(entry[address])}/${String(entry[netmask] ?? all)}`;
    }
  }
}

function givenInterface(call: Call): Record<string, Value> {
  const entry: Record<string, Value> = {};
  for (const [key, value] of Object.entries(call.parameters)) if (!NOT_KEPT.has(key)) entry[key] = value;
  if (entry.bridge_vids) {
    entry.bridge_vids = splitList(String(entry.bridge_vids)).join(' ');
    if (entry.bridge_vids === '') throw parameterError({ bridge_vids: 'VLAN list items are empty' });
  }
  withAddress(entry, call);
  return entry;
}

/** The rest of what a file says of an interface. */
function completed(entry: Record<string, Value>, type: string): Interface {
  const families = [...(entry.address ? ['inet'] : []), ...(entry.address6 ? ['inet6'] : [])];
  return {
    ...(type === 'bridge' ? { bridge_ports: '', bridge_stp: 'off', bridge_fd: '0' } : {}),
    ...entry,
    type,
    families: families.length > 0 ? families : ['inet'],
    method: entry.address ? 'static' : 'manual',
    method6: entry.address6 ? 'static' : 'manual',
  };
}

function checkGateways(all: Readonly<Record<string, Interface>>, iface: string, entry: Record<string, Value>): void {
  for (const key of ['gateway', 'gateway6'] as const) {
    if (entry[key] === undefined) continue;
    const other = Object.entries(all).find(([name, one]) => name !== iface && one[key]);
    if (other)
      throw parameterError({
        [key]: `Default ${key === 'gateway' ? '' : 'ipv6 '}gateway already exists on interface '${other[0]}'.`,
      });
  }
}

const PORTS = ['bridge_ports', 'ovs_ports', 'slaves', 'ovs_bonds'] as const;
const portsOf = (one: Record<string, Value>) => PORTS.flatMap((key) => splitList(String(one[key] ?? '')));

/** A port belongs to one bridge or bond. */
function checkPorts(all: Readonly<Record<string, Interface>>, iface: string, entry: Record<string, Value>): void {
  const key = PORTS.find((one) => entry[one]);
  const wanted = portsOf(entry);
  if (key === undefined) return;
  for (const [name, one] of Object.entries(all)) {
    const taken = name === iface ? undefined : portsOf(one).find((port) => wanted.includes(port));
    if (taken !== undefined) throw parameterError({ [key]: `${taken} is already used on interface '${name}'.` });
  }
}

function change(call: Call, create: boolean): void {
  const { lab, node } = call;
  const iface = call.need('iface');
  const all = nextInterfaces(lab, node);
  const before = all[iface];
  if (create && before) throw parameterError({ iface: 'interface already exists' });
  if (!create && !before) throw parameterError({ iface: 'interface does not exist' });
  const entry = givenInterface(call);
  checkGateways(all, iface, entry);
  checkPorts(all, iface, entry);
  const base: Record<string, Value> = { ...before };
  for (const key of splitList(call.text('delete') ?? '')) {
    delete base[key];
    if (key === 'cidr') for (const part of ['address', 'netmask']) delete base[part];
    if (key === 'cidr6') for (const part of ['address6', 'netmask6']) delete base[part];
  }
  // An update without an address takes it away: the whole form is sent each time.
  if (!create && entry.address === undefined)
    for (const key of ['address', 'netmask', 'cidr']) if (call.text('delete') === undefined) delete base[key];
  saveNext(lab, node, { ...all, [iface]: completed({ ...base, ...entry }, call.need('type')) });
}

export const networkHandlers: Handlers = {
  'GET /nodes/{node}/network': list,
  'GET /nodes/{node}/network/{iface}': (call) => {
    const all = nextInterfaces(call.lab, call.node);
    const found = all[call.need('iface')];
    if (!found) throw parameterError({ iface: 'interface does not exist' });
    const { iface: _iface, ...rest } = row(
      call,
      call.need('iface'),
      found,
      Object.keys(all).indexOf(call.need('iface')) + 3,
    );
    return rest;
  },
  'POST /nodes/{node}/network': (call) => change(call, true),
  'PUT /nodes/{node}/network/{iface}': (call) => change(call, false),
  'DELETE /nodes/{node}/network/{iface}': (call) => {
    const { [call.need('iface')]: gone, ...rest } = nextInterfaces(call.lab, call.node);
    if (!gone) throw parameterError({ iface: 'interface does not exist' });
    saveNext(call.lab, call.node, rest);
  },
  'PUT /nodes/{node}/network': (call) =>
    call.task('srvreload', 'networking', async () => applyNext(call.lab, call.node)),
  'DELETE /nodes/{node}/network': (call) => dropNext(call.lab, call.node),
};
