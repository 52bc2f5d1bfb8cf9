import { createHash } from 'node:crypto';
import type { CallContext, GuestLocation } from '../../application/substrates/substrate.port.js';
import type { GuestId } from '../../domain/ids.js';
import { Refusal, WorldFailure } from '../../domain/problem.js';
import { text } from './answers.js';
import { askInTurn } from './ask-in-turn.js';
import type { Connection } from './connection.js';
import { type GuestConfig, parseDisk, parseGiB, propertyString, rootKey } from './guest-config.js';
import { type Found, findTemplate, readConfig } from './guest-finder.js';
import type { Making } from './making.js';
import { stampDescription, stampSerial, stampTags } from './ownership.js';

/** The user that cloud-init gives our key; hooks run as root on machines as they do in containers. */
const MACHINE_USER = 'root';

/**
 * A machine from a template guest (`template:9000`: linked clone where the storage allows it, else full) or from an
 * image volume (`import-from`). The description with the stamp goes into the first call; `finishMachine` then brings
 * everything else into agreement, so an interrupted creation is completed by calling again.
 */
export async function makeMachine(
  connection: Connection,
  making: Making,
  vmid: number,
  what: string,
  context: CallContext,
): Promise<void> {
  const { spec, stamp } = making;
  const template = /^template:(\d+)$/.exec(spec.image)?.[1];
  const description = stampDescription(stamp, vmid, spec.key);
  const api = connection.client.api(context);
  const inTurn = (request: () => Promise<unknown>): Promise<void> =>
    askInTurn(connection, cloneTurn(spec.storage), { vmid, what }, request, context);
  if (template === undefined) {
    await inTurn(() =>
      api.nodes.$(spec.node).qemu.$post({
        ...settings(making),
        vmid,
        name: spec.hostname,
        description,
        ostype: 'l26',
        scsihw: 'virtio-scsi-single',
        scsi0: propertyString({ 'import-from': spec.image, discard: 'on', iothread: 1 }, `${spec.storage}:0`),
        ide2: `${spec.storage}:cloudinit`,
        boot: 'order=scsi0',
        serial0: 'socket',
        pool: spec.pool,
      } as never),
    );
    return;
  }
  const source = await templateGuest(connection, Number(template), context);
  const from = api.nodes.$(source.node).qemu.$(source.vmid);
  const linked = await canLink(connection, source, spec.storage, context);
  await inTurn(() =>
    from.clone.$post({
      newid: vmid,
      name: spec.hostname,
      description,
      full: !linked,
      storage: linked ? undefined : spec.storage,
      target: source.node === spec.node ? undefined : spec.node,
      pool: spec.pool,
    } as never),
  );
}

/** Config and disk size of a machine as its spec wants them; nothing is written when they already agree. */
export async function finishMachine(
  connection: Connection,
  found: Found,
  making: Making,
  context: CallContext,
): Promise<void> {
  const { spec } = making;
  const { at } = found;
  const machine = connection.client.api(context).nodes.$(at.node).qemu.$(at.vmid);
  const wanted = settings(making);
  const hasDrive = Object.values(found.config).some((v) => typeof v === 'string' && v.includes('cloudinit'));
  const differs = Object.entries(wanted).filter(([key, value]) => !agrees(key, found.config[key], value));
  if (differs.length > 0 || !hasDrive) {
    await context.fence();
    await machine.config.$put({
      ...Object.fromEntries(differs),
      ...(hasDrive ? {} : { ide2: `${spec.storage}:cloudinit` }),
      digest: found.config.digest,
    } as never);
  }
  const config = (await readConfig(connection, at, context)) ?? found.config;
  const disk = rootKey(config, 'vm');
  const size = parseGiB(parseDisk(config[disk])?.size) ?? 0;
  if (size < spec.diskGiB) {
    await connection.tasks.run(
      `disk of guest ${at.vmid}`,
      () => machine.resize.$put({ disk, size: `${spec.diskGiB}G` } as never),
      context,
    );
  }
}

function settings({ spec, stamp, access }: Making): Record<string, unknown> {
  const { network } = spec;
  return {
    cores: spec.cpus,
    sockets: 1,
    memory: spec.memoryMiB,
    agent: '1',
    cpu: 'x86-64-v2-AES',
    net0: propertyString({ bridge: network.bridge, firewall: 1, tag: network.vlan }, `virtio=${network.mac}`),
    ipconfig0: propertyString({ gw: network.gateway, ip: `${network.address}/${network.prefix}` }),
    ...(spec.nameservers.length > 0 ? { nameserver: spec.nameservers.join(' ') } : {}),
    searchdomain: spec.domain,
    ciuser: MACHINE_USER,
    // Encoded here and once more by the form: Proxmox stores the value encoded.
    sshkeys: encodeURIComponent(access.sshPublicKey.trim()),
    smbios1: propertyString({ base64: 1, serial: stampSerial(stamp.guest), uuid: uuidOf(stamp.guest) }),
    tags: stampTags(stamp.guest),
    onboot: true,
  };
}

/** Proxmox rewrites what it reads back: types, order of keys, case. Compared is what it means. */
function agrees(key: string, found: unknown, wanted: unknown): boolean {
  if (found === undefined) return false;
  if (typeof wanted === 'boolean') return (Number(found) === 1) === wanted;
  const normal = (value: unknown) =>
    text(value)
      .split(/[,;]/)
      .map((p) => (/^(virtio|uuid)=/.test(p) || key === 'tags' ? p.toLowerCase() : p))
      .sort()
      .join(',');
  return normal(found) === normal(wanted);
}

/** A UUID that always belongs to the same guest (version 8: custom). */
function uuidOf(guest: GuestId): string {
  const hex = createHash('sha256').update(guest).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

async function templateGuest(connection: Connection, vmid: number, context: CallContext): Promise<GuestLocation> {
  const found = await findTemplate(connection, vmid, context);
  if (found) return found;
  throw new WorldFailure({
    code: 'substrate.image_missing',
    retryable: 'never',
    message: `There is no template machine ${vmid} on ${connection.name}`,
    hint: 'Make one (qm template), or name another image in site.yaml.',
  });
}

async function canLink(
  connection: Connection,
  source: GuestLocation,
  storage: string,
  context: CallContext,
): Promise<boolean> {
  const config: GuestConfig | undefined = await readConfig(connection, source, context);
  if (config === undefined) throw new Refusal(templateVanished(source.vmid));
  const volume = parseDisk(config[rootKey(config, 'vm')])?.volume ?? '';
  if (volume.split(':')[0] !== storage) return false;
  const machine = connection.client.api(context).nodes.$(source.node).qemu.$(source.vmid);
  const answer = (await machine.feature.$get({ feature: 'clone' })) as { hasFeature?: unknown };
  return Number(answer.hasFeature) === 1;
}

const templateVanished = (vmid: number) => ({
  code: 'artifact.missing' as const,
  subject: `template:${vmid}`,
  message: 'The template machine vanished while it was about to be cloned.',
  remedy: 'Make it again, or name another image in site.yaml.',
});

/** One at a time: a full clone holds the storage's lock of the whole cluster. */
const cloneTurn = (storage: string) => ({
  key: `clone ${storage}`,
  width: 1,
  what: `a turn to clone on storage ${storage}`,
});
