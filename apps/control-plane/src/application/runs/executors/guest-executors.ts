import { firewallDigest } from '../../../domain/plan/firewall-digest.js';
import { WorldFailure } from '../../../domain/problem.js';
import type { RecordedInstance } from '../../../domain/stack/stack.js';
import type { GuestTarget } from '../../guests/guest-shell.port.js';
import type { RecordChange } from '../../stacks/stack-store.port.js';
import type { Executors, StepContext } from '../executor.js';
import {
  callContext,
  findGuest,
  knownGuest,
  type StepWorld,
  shellContext,
  siteOf,
  stampOf,
  targetOf,
} from './step-world.js';

/** How long a guest gets to shut down before it is stopped hard. */
const GRACE_MS = 30_000;

/**
 * What every hook may count on. The lab's image has it; a stock Debian template of a real cluster lacks jq and curl.
 * Nothing is fetched when it is there.
 */
const BASICS = `command -v jq >/dev/null && command -v curl >/dev/null && command -v openssl >/dev/null && exit 0
export DEBIAN_FRONTEND=noninteractive
apt-get update -q && apt-get install -qy --no-install-recommends jq curl openssl ca-certificates`;

async function installBasics(world: StepWorld, target: GuestTarget, context: StepContext): Promise<void> {
  await context.fence();
  const { exitCode, stdout, stderr } = await world.shell.run(target, ['sh', '-c', BASICS], shellContext(context));
  if (exitCode === 0) return;
  throw new WorldFailure({
    code: 'guest.basics_missing',
    retryable: 'now',
    message: `The packages jq, curl and openssl could not be installed on ${target.guest} (apt-get ended with ${exitCode})`,
    hint: 'The guest needs a Debian mirror it can reach: look at its network, resolver and apt sources.',
    details: { tail: `${stdout.toString()}${stderr.toString()}`.split('\n').slice(-12) },
  });
}

type GuestSteps =
  | 'image.ensure'
  | 'guest.create'
  | 'guest.start'
  | 'guest.ready'
  | 'guest.firewall'
  | 'guest.resize'
  | 'guest.grow'
  | 'guest.move'
  | 'guest.stop'
  | 'guest.destroy'
  | 'guest.clear';

export function guestExecutors(world: StepWorld): Pick<Executors, GuestSteps> {
  return {
    'image.ensure': async (step, context) => {
      const substrate = await world.substrates.get(context.site, step.substrate);
      await substrate.ensureImage(
        {
          node: step.node,
          volume: step.volume,
          ...(step.url ? { url: step.url } : {}),
          ...(step.sha256 ? { sha256: step.sha256 } : {}),
        },
        callContext(context),
      );
      return { output: { volume: step.volume }, changes: [] };
    },

    'guest.create': async (step, context) => {
      const { guest: spec, instance } = step;
      const site = await siteOf(world, context);
      const substrate = await world.substrates.get(site.name, spec.substrate);
      const stack = await world.stacks.findStack(site.name, instance.stack);
      if (!stack) throw new Error(`stack ${instance.stack} of site ${site.name} is not recorded`);
      const stamp = stampOf(spec.id, stack.id, site.name);
      const range = site.substrates[spec.substrate]!.guestIds;
      const ids = {
        next: async (taken: number): Promise<number> => {
          context.log([
            {
              at: context.now(),
              stream: 'note',
              text: `guest id ${taken} belongs to somebody else: taking another one`,
            },
          ]);
          // On from the taken one and round: others take ids in a row too, from the start of their range.
          const size = range.to - range.from + 1;
          for (let step = 1; step < size; step += 1) {
            const id = range.from + ((taken - range.from + step + size) % size);
            if (
              await world.plans.reserve(site.name, {
                kind: 'guest-id',
                scope: spec.substrate,
                value: String(id),
                owner: spec.key,
              })
            )
              return id;
          }
          throw new Error(`no guest id is free between ${range.from} and ${range.to}`);
        },
      };
      const place = await substrate.createGuest(spec, stamp, { sshPublicKey: world.sshPublicKey }, ids, {
        ...callContext(context),
        asking: (vmid) => context.begun({ spec, stack: stack.id, vmids: [vmid], askedAt: context.now() }),
      });
      const known = await world.stacks.findInstance(instance.id);
      const recorded: RecordedInstance = known ?? {
        id: instance.id,
        stack: stack.id,
        name: instance.name,
        module: instance.module,
        version: instance.version,
        appVersion: instance.appVersion,
        moduleDigest: instance.moduleDigest,
        config: instance.config,
        installed: [],
        configured: {},
      };
      // A guest made anew has nothing installed, whatever was recorded of the one it replaces.
      const name = spec.key.split('/').at(-1)!;
      const { [name]: _gone, ...configured } = recorded.configured;
      const changes: RecordChange[] = [
        {
          type: 'instance-put',
          instance: { ...recorded, installed: recorded.installed.filter((guest) => guest !== name), configured },
        },
        {
          type: 'guest-put',
          guest: {
            id: spec.id,
            stack: stack.id,
            instance: instance.id,
            name,
            substrate: spec.substrate,
            node: place.node,
            vmid: place.vmid,
            spec: { ...spec, vmid: place.vmid, node: place.node },
            hostKeys: [],
            createdAt: context.now(),
          },
        },
      ];
      // What a guest made anew had promised is to be provided again; the offers keep their ids.
      const provided = known
        ? (await world.stacks.recorded(site.name)).bindings.filter((binding) => binding.provider === known.id)
        : [];
      for (const binding of provided) changes.push({ type: 'binding-put', binding: { ...binding, offerDigest: '' } });
      return { output: { vmid: place.vmid, node: place.node }, changes };
    },

    'guest.start': async (step, context) => {
      const guest = await knownGuest(world, step.guest, context);
      await guest.substrate.startGuest(guest.owned, callContext(context));
      if (step.wakes) await guest.substrate.setStartsAtBoot(guest.owned, true, callContext(context));
      return { output: { node: guest.recorded.node }, changes: [] };
    },

    'guest.ready': async (step, context) => {
      const guest = await knownGuest(world, step.guest, context);
      let { hostKeys } = guest.recorded;
      const changes: RecordChange[] = [];
      if (hostKeys.length === 0) {
        context.waitingFor(`the host key of ${guest.recorded.spec.hostname}`);
        hostKeys = await guest.substrate.readHostKeys(guest.owned, callContext(context));
        changes.push({ type: 'guest-host-keys', guest: guest.recorded.id, hostKeys });
      }
      context.waitingFor(`${guest.recorded.spec.hostname} to take commands`);
      const target = { ...targetOf(guest.recorded), hostKeys };
      await world.shell.waitReady(target, shellContext(context));
      await installBasics(world, target, context);
      return { output: { hostKeys }, changes };
    },

    'guest.firewall': async (step, context) => {
      const guest = await knownGuest(world, step.guest, context);
      await guest.substrate.setFirewall(guest.owned, step.rules, callContext(context));
      const digest = firewallDigest(step.rules, world.sha256);
      return { output: { digest }, changes: [{ type: 'guest-firewall', guest: guest.recorded.id, digest }] };
    },

    'guest.resize': async (step, context) => {
      const guest = await knownGuest(world, step.guest, context);
      await guest.substrate.resizeGuest(
        guest.owned,
        { cpus: step.cpus, memoryMiB: step.memoryMiB, reboot: step.reboot },
        callContext(context),
      );
      const spec = { ...guest.recorded.spec, cpus: step.cpus, memoryMiB: step.memoryMiB };
      return {
        output: { cpus: step.cpus, memoryMiB: step.memoryMiB },
        changes: [{ type: 'guest-spec', guest: guest.recorded.id, spec }],
      };
    },

    'guest.grow': async (step, context) => {
      const guest = await knownGuest(world, step.guest, context);
      const { spec } = guest.recorded;
      const { disk } = step;
      const volume = disk === 'root' ? undefined : spec.volumes.find((entry) => entry.name === disk.volume);
      if (disk !== 'root' && !volume) throw new Error(`guest ${step.guest} has no volume ${disk.volume}`);
      await guest.substrate.growDisk(
        guest.owned,
        volume ? { path: volume.path } : 'root',
        step.sizeGiB,
        callContext(context),
      );
      const grown = volume
        ? {
            ...spec,
            volumes: spec.volumes.map((entry) => (entry === volume ? { ...entry, sizeGiB: step.sizeGiB } : entry)),
          }
        : { ...spec, diskGiB: step.sizeGiB };
      return {
        output: { sizeGiB: step.sizeGiB },
        changes: [{ type: 'guest-spec', guest: guest.recorded.id, spec: grown }],
      };
    },

    'guest.move': async (step, context) => {
      const guest = await knownGuest(world, step.guest, context);
      const { vmid } = await guest.substrate.moveGuest(guest.owned, step.node, step.running, callContext(context));
      // Its connection ended with the old node's process; what was asked over it would wait for nothing.
      world.shell.forget(guest.recorded.id);
      const spec = { ...guest.recorded.spec, node: step.node };
      return {
        output: { node: step.node },
        changes: [{ type: 'guest-put', guest: { ...guest.recorded, vmid, node: step.node, spec } }],
      };
    },

    'guest.stop': async (step, context) => {
      const guest = await findGuest(world, step.guest, context);
      if (guest && step.rests) await guest.substrate.setStartsAtBoot(guest.owned, false, callContext(context));
      if (guest) await guest.substrate.stopGuest(guest.owned, GRACE_MS, callContext(context));
      return { output: { stopped: true }, changes: [] };
    },

    'guest.destroy': async (step, context) => {
      const guest = await findGuest(world, step.guest, context);
      if (!guest) return { output: { destroyed: true }, changes: [] };
      await guest.substrate.destroyGuest(guest.owned, callContext(context));
      world.shell.forget(guest.recorded.id);
      return { output: { destroyed: true }, changes: [{ type: 'guest-removed', guest: guest.recorded.id }] };
    },

    'guest.clear': async (step, context) => {
      const left = await world.stacks.findBegun(step.id);
      if (!left) return { output: { cleared: true }, changes: [] };
      const { spec, stack, vmids, askedAt } = left;
      const substrate = await world.substrates.get(context.site, spec.substrate);
      const recorded = await world.stacks.findGuest(context.site, spec.key);
      const unfinished = {
        stamp: stampOf(spec.id, stack, context.site),
        ...{ node: spec.node, kind: spec.kind, storage: spec.storage, vmids },
        ...(askedAt === undefined ? {} : { askedAt }),
        ...(recorded?.id === spec.id ? { spare: recorded.vmid } : {}),
      };
      await substrate.clearGuest(unfinished, callContext(context));
      return { output: { cleared: true }, changes: [{ type: 'guest-cleared', guest: spec.id }] };
    },
  };
}
