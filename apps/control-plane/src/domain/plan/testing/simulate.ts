import type { InstanceId, JsonObject } from '../../ids.js';
import type { Sha256Of } from '../../module/hash.js';
import type { InterfaceDefinition } from '../../module/interface.js';
import { resolveBindingFacts } from '../../module/interpolation.js';
import type { GuestSpec } from '../../stack/guest-spec.js';
import type { ObservedSubstrate } from '../../stack/observed.js';
import type { BegunGuest, RecordedGuest, RecordedInstance, RecordedSite } from '../../stack/stack.js';
import { firewallDigest } from '../firewall-digest.js';
import type { Plan, PlannedStep } from '../plan.js';
import type { InstanceRef } from '../steps.js';

export interface World {
  readonly recorded: RecordedSite;
  readonly observed: Readonly<Record<string, ObservedSubstrate>>;
}

/**
 * What a run of the plan's first `count` steps leaves behind in the record and on the substrate: the rules that the
 * executors follow, in the form of a pure function. Throws when a step needs something that is not there, which means
 * that the order is wrong.
 */
export function simulate(
  plan: Plan,
  world: World,
  sha256: Sha256Of,
  count = plan.steps.length,
  interfaces: readonly InterfaceDefinition[] = [],
): World {
  const answer = (name: string): JsonObject => sampleOffer(interfaces.find((definition) => definition.name === name));
  const state = {
    stacks: new Map(world.recorded.stacks.map((stack) => [stack.id, stack])),
    instances: new Map(world.recorded.instances.map((instance) => [instance.id, instance])),
    guests: new Map(world.recorded.guests.map((guest) => [guest.spec.key, guest])),
    bindings: new Map(world.recorded.bindings.map((binding) => [binding.id, binding])),
    begun: world.recorded.begun ?? [],
    observed: { ...world.observed },
  };
  const archived = plan.wanted.state === 'archived' ? { archived: true as const } : {};
  state.stacks.set(plan.stack, { id: plan.stack, name: plan.stackName, ...archived });
  const done = new Set<string>();
  for (const planned of plan.steps.slice(0, count)) {
    for (const other of planned.after) if (!done.has(other)) throw new Error(`${planned.id} runs before ${other}`);
    carryOut(planned, plan, state, sha256, answer);
    done.add(planned.id);
  }
  return {
    recorded: {
      stacks: [...state.stacks.values()],
      instances: [...state.instances.values()],
      guests: [...state.guests.values()],
      bindings: [...state.bindings.values()],
      ...(state.begun.length > 0 ? { begun: state.begun } : {}),
      reservations: world.recorded.reservations,
      ...(world.recorded.ignoredDrift ? { ignoredDrift: world.recorded.ignoredDrift } : {}),
    },
    observed: state.observed,
  };
}

interface State {
  readonly instances: Map<InstanceId, RecordedInstance>;
  readonly guests: Map<string, RecordedGuest>;
  readonly bindings: Map<string, RecordedSite['bindings'][number]>;
  begun: readonly BegunGuest[];
  observed: Record<string, ObservedSubstrate>;
}

function carryOut(
  { id, step }: PlannedStep,
  plan: Plan,
  state: State,
  sha256: Sha256Of,
  answer: (name: string) => JsonObject,
): void {
  const guestOf = (key: string): RecordedGuest => {
    const found = state.guests.get(key);
    if (!found) throw new Error(`${id}: there is no guest ${key}`);
    return found;
  };
  const runningGuest = (key: string): RecordedGuest => {
    const guest = guestOf(key);
    const there = state.observed[guest.substrate]?.guests.find((other) => other.stamp === guest.id);
    if (there?.status !== 'running') throw new Error(`${id}: guest ${key} does not run`);
    return guest;
  };
  switch (step.kind) {
    case 'artifact.fetch':
      return;
    case 'image.ensure':
      observe(state, step.substrate, (o) => ({
        ...o,
        images: [...o.images, { node: step.node, volume: step.volume }],
      }));
      return;
    case 'guest.create':
      create(state, step.guest, step.instance, plan);
      return;
    case 'guest.start':
    case 'guest.stop':
      setStatus(state, guestOf(step.guest), step.kind === 'guest.start' ? 'running' : 'stopped');
      return;
    case 'guest.ready':
      state.guests.set(step.guest, { ...runningGuest(step.guest), hostKeys: [`ssh-ed25519 ${step.guest}`] });
      return;
    case 'guest.firewall':
      state.guests.set(step.guest, { ...guestOf(step.guest), firewallDigest: firewallDigest(step.rules, sha256) });
      return;
    case 'guest.resize':
      respecify(state, guestOf(step.guest), { cpus: step.cpus, memoryMiB: step.memoryMiB });
      return;
    case 'guest.grow': {
      const { disk, sizeGiB } = step;
      const guest = guestOf(step.guest);
      const volumes = guest.spec.volumes.map((v) =>
        disk !== 'root' && v.name === disk.volume ? { ...v, sizeGiB } : v,
      );
      respecify(state, guest, disk === 'root' ? { diskGiB: sizeGiB } : { volumes });
      return;
    }
    case 'guest.destroy': {
      const guest = guestOf(step.guest);
      observe(state, guest.substrate, (o) => ({ ...o, guests: o.guests.filter((other) => other.stamp !== guest.id) }));
      state.guests.delete(step.guest);
      return;
    }
    case 'guest.clear': {
      const left = state.begun.find(({ spec }) => spec.id === step.id);
      if (!left) throw new Error(`${id}: nothing was begun`);
      observe(state, left.spec.substrate, (o) => ({ ...o, guests: o.guests.filter((g) => g.stamp !== step.id) }));
      state.begun = state.begun.filter((other) => other !== left);
      return;
    }
    case 'hook.run': {
      const guest = runningGuest(step.guest);
      if (step.hook === 'install')
        update(state, step.instance.id, (i) => ({ ...i, installed: [...new Set([...i.installed, guest.name])] }));
      if (step.hook === 'rename') state.guests.set(step.guest, { ...guest, formerDomains: [] });
      if (step.hook === 'configure') configured(state, step.instance, guest.name);
      return;
    }
    case 'binding.provide': {
      runningGuest(step.guest);
      const { binding } = step;
      for (const { step: other } of plan.steps)
        if (
          other.kind === 'guest.create' &&
          other.instance.id === binding.consumer.id &&
          !state.guests.has(other.guest.key)
        )
          throw new Error(`${id}: its provider would not be told of ${other.guest.key}`);
      // Recorded with its first guest; one that has none, with its first binding.
      const { stack: _stack, ...consumer } = binding.consumer;
      if (!state.instances.has(consumer.id))
        state.instances.set(consumer.id, { ...consumer, stack: plan.stack, installed: [], configured: {} });
      const siblings = [...state.bindings.values()].filter((b) => b.consumer === binding.consumer.id);
      const { request, missing } = resolveBindingFacts(
        binding.request,
        Object.fromEntries(siblings.map((b) => [b.requirement, b.offer])),
      );
      if (missing.length > 0) throw new Error(`${id}: no offer has ${missing.join(', ')}`);
      const offer = answer(binding.interface);
      const offerDigest = sha256(JSON.stringify([offer, request]));
      if (state.bindings.get(binding.id)?.offerDigest !== offerDigest) forgetConfigured(state, binding.consumer.id);
      state.bindings.set(binding.id, {
        id: binding.id,
        consumer: binding.consumer.id,
        requirement: binding.requirement,
        provider: binding.provider.id,
        provided: binding.provided,
        interface: binding.interface,
        request,
        offer,
        offerDigest,
      });
      return;
    }
    case 'guest.move': {
      const guest = guestOf(step.guest);
      state.guests.set(step.guest, { ...guest, node: step.node, spec: { ...guest.spec, node: step.node } });
      observe(state, guest.substrate, (o) => ({
        ...o,
        guests: o.guests.map((other) => (other.stamp === guest.id ? { ...other, node: step.node } : other)),
      }));
      return;
    }
    case 'guest.rename': {
      const guest = runningGuest(step.guest);
      const former = new Set(
        [...(guest.formerDomains ?? []), guest.spec.domain].filter((name) => name !== step.domain),
      );
      // Kept for modules alone that have a hook for their data.
      const keeps = plan.steps.some(
        ({ step: s }) => s.kind === 'hook.run' && s.hook === 'rename' && s.guest === step.guest,
      );
      state.guests.set(step.guest, {
        ...guest,
        spec: { ...guest.spec, domain: step.domain },
        formerDomains: keeps ? [...former].sort() : [],
      });
      forgetConfigured(state, guest.instance);
      for (const b of state.bindings.values()) {
        if (b.consumer === guest.instance || b.provider === guest.instance)
          state.bindings.set(b.id, { ...b, offerDigest: '' });
      }
      return;
    }
    case 'secret.rotate': {
      const { of } = step;
      if (of.kind === 'instance') forgetConfigured(state, of.instance.id);
      for (const binding of state.bindings.values()) {
        if (of.kind === 'instance' ? binding.provider === of.instance.id : binding.id === of.binding)
          state.bindings.set(binding.id, { ...binding, offerDigest: '' });
      }
      return;
    }
    case 'binding.withdraw':
      runningGuest(step.guest);
      state.bindings.delete(step.binding.id);
      forgetConfigured(state, step.binding.consumer.id);
      return;
    case 'instance.forget': {
      const left = [...state.guests.values()].filter((guest) => guest.instance === step.instance.id);
      if (left.length > 0) throw new Error(`${id}: guests are left`);
      state.instances.delete(step.instance.id);
      for (const b of [...state.bindings.values()]) {
        if (b.consumer === step.instance.id || b.provider === step.instance.id) state.bindings.delete(b.id);
      }
      return;
    }
    default:
      step satisfies never;
  }
}

/** Something for every open field that an offer has. */
function sampleOffer(definition: InterfaceDefinition | undefined): JsonObject {
  const fields = Object.entries(definition?.offer.properties ?? {}).filter(([, field]) => !field.secret);
  const samples = { string: 'sample', integer: 1, number: 1, boolean: true, array: ['sample'], object: {} };
  return Object.fromEntries(fields.map(([name, field]) => [name, samples[field.type]]));
}

function create(state: State, spec: GuestSpec, ref: InstanceRef, plan: Plan): void {
  const name = spec.key.split('/').at(-1) ?? '';
  const known = state.instances.get(ref.id);
  const { [name]: _, ...others } = known?.configured ?? {};
  state.instances.set(ref.id, {
    ...(known ?? { ...ref, stack: plan.stack }),
    installed: (known?.installed ?? []).filter((guest) => guest !== name),
    configured: others,
  });
  state.guests.set(spec.key, {
    id: spec.id,
    stack: plan.stack,
    instance: ref.id,
    name,
    substrate: spec.substrate,
    node: spec.node,
    vmid: spec.vmid,
    spec,
    hostKeys: [],
    createdAt: plan.createdAt,
  });
  for (const binding of state.bindings.values()) {
    if (binding.provider === ref.id) state.bindings.set(binding.id, { ...binding, offerDigest: '' });
  }
  observe(state, spec.substrate, (o) => {
    if (o.guests.some((other) => other.vmid === spec.vmid)) throw new Error(`guest id ${spec.vmid} is taken`);
    const guest = {
      vmid: spec.vmid,
      node: spec.node,
      kind: spec.kind,
      name: spec.hostname,
      status: 'stopped' as const,
      stamp: spec.id,
    };
    return { ...o, guests: [...o.guests, guest] };
  });
}

function configured(state: State, ref: InstanceRef, guest: string): void {
  update(state, ref.id, (i) => {
    const same = JSON.stringify(i.config) === JSON.stringify(ref.config) && i.moduleDigest === ref.moduleDigest;
    const before = same ? i.configured : {};
    return {
      ...i,
      config: ref.config,
      moduleDigest: ref.moduleDigest,
      configured: { ...before, [guest]: 'configured' },
    };
  });
}

const forgetConfigured = (state: State, id: InstanceId): void => update(state, id, (i) => ({ ...i, configured: {} }));

function update(state: State, id: InstanceId, change: (instance: RecordedInstance) => RecordedInstance): void {
  const instance = state.instances.get(id);
  if (instance) state.instances.set(id, change(instance));
}

function respecify(state: State, guest: RecordedGuest, change: Partial<GuestSpec>): void {
  state.guests.set(guest.spec.key, { ...guest, spec: { ...guest.spec, ...change } });
}

function setStatus(state: State, guest: RecordedGuest, status: 'running' | 'stopped'): void {
  observe(state, guest.substrate, (o) => ({
    ...o,
    guests: o.guests.map((other) => (other.stamp === guest.id ? { ...other, status } : other)),
  }));
}

function observe(state: State, substrate: string, change: (observed: ObservedSubstrate) => ObservedSubstrate): void {
  const before = state.observed[substrate];
  if (before) state.observed[substrate] = change(before);
}
