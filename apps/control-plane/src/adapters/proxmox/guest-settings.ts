import type { CallContext, GuestLocation } from '../../application/substrates/substrate.port.js';
import type { GuestId } from '../../domain/ids.js';
import type { GuestSettings } from '../../domain/stack/observed.js';
import { text } from './answers.js';
import type { Connection } from './connection.js';
import { parseDisk, parseGiB, rootKey } from './guest-config.js';
import { readConfig } from './guest-finder.js';
import { carries, hasTagOf } from './ownership.js';

/** `name=eth0,bridge=vmbr0,hwaddr=…` of a container, `virtio=…,bridge=vmbr0` of a machine: `net0` either way. */
export async function guestSettings(
  connection: Connection,
  guest: GuestId,
  at: GuestLocation,
  context: CallContext,
): Promise<GuestSettings | undefined> {
  const config = await readConfig(connection, at, context);
  if (!config) return undefined;
  const pairs = text(config.net0 ?? '')
    .split(',')
    .filter((pair) => pair.includes('='))
    .map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)] as const);
  const card = Object.fromEntries(pairs);
  const mac = card.hwaddr ?? card.macaddr ?? pairs.map(([, value]) => value).find((value) => MAC.test(value));
  const diskGiB = parseGiB(parseDisk(config[rootKey(config, at.kind)])?.size);
  return {
    stamped: carries(config, guest, at.vmid) && hasTagOf(config.tags, guest),
    startsAtBoot: Number(config.onboot ?? 0) === 1,
    cpus: Number(config.cores ?? 1) * Number(config.sockets ?? 1),
    memoryMiB: Number(config.memory ?? 512),
    ...(diskGiB === undefined ? {} : { diskGiB }),
    ...(card.bridge === undefined ? {} : { bridge: card.bridge }),
    ...(card.tag === undefined ? {} : { vlan: Number(card.tag) }),
    ...(mac === undefined ? {} : { mac }),
  };
}

const MAC = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i;
