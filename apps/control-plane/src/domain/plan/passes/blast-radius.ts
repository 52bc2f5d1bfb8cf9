import type { GuestId, Json, JsonObject } from '../../ids.js';
import { interpolate } from '../../module/interpolation.js';
import { type Draft, type DraftBinding, type Member, type MemberGuest, nameOf, type WantedMember } from '../draft.js';
import { instanceFacts } from '../facts.js';
import { TOUCHED_KINDS, type Touched } from '../plan.js';

/**
 * Nearly last, from the same marks and bindings as the steps: every thing that the plan touches, of this stack or of
 * another one, and what happens to it. A guest that only gets other firewall rules is listed for these alone.
 */
export function blastRadius(draft: Draft): readonly Touched[] {
  const touched: Touched[] = [];
  for (const member of [...draft.members.values(), ...draft.external.values(), ...draft.leaving]) {
    for (const guest of member.guests) touched.push(...ofGuest(draft, guest));
    touched.push(...certificates(draft, member));
    if (member.role !== 'wanted') continue;
    for (const name of (member as WantedMember).rotate) touched.push(secret(`${nameOf(draft, member)} ${name}`));
  }
  for (const binding of [...draft.bindings, ...draft.reprovided]) {
    if (binding.rotate) touched.push(secret(`${nameOf(draft, binding.consumer)} ${binding.requirement}`));
    if (binding.provide) touched.push(...ofBinding(draft, binding, binding.recorded ? 'changed' : 'created'));
  }
  for (const binding of draft.withdrawn) touched.push(...ofBinding(draft, binding, 'removed'));
  touched.push(...withTheirProvider(draft));
  for (const { step } of draft.steps.values())
    if (step.kind === 'guest.clear') touched.push(...ofBegun(draft, step.id));
  const unique = new Map(touched.map((thing) => [`${thing.kind} ${thing.name} ${thing.effect}`, thing]));
  return [...unique.values()].sort(
    (a, b) =>
      TOUCHED_KINDS.indexOf(a.kind) - TOUCHED_KINDS.indexOf(b.kind) ||
      (a.name < b.name ? -1 : a.name > b.name ? 1 : a.effect < b.effect ? -1 : 1),
  );
}

/** At which of its ids something is, if at all, is seen when it is cleared. */
function ofBegun(draft: Draft, id: GuestId): Touched[] {
  const left = draft.input.recorded.begun?.find(({ spec }) => spec.id === id);
  if (left === undefined) return [];
  const { spec, vmids } = left;
  const detail = 'what an unfinished creation has left';
  return (vmids.length > 0 ? vmids : [spec.vmid]).map((vmid) => ({
    ...{ kind: 'guest', name: `${spec.hostname} (${spec.substrate}/${vmid})`, effect: 'removed', detail },
  }));
}

const secret = (name: string): Touched => ({ kind: 'secret', name, effect: 'changed', detail: 'made anew' });

function ofGuest(draft: Draft, guest: MemberGuest): Touched[] {
  const { work, spec, presence } = guest;
  if (spec === undefined) return [];
  const vmid = guest.work.create ? spec.vmid : (guest.observed?.vmid ?? spec.vmid);
  const name = `${spec.hostname} (${spec.substrate}/${vmid})`;
  const found: Touched[] = [];
  const say = (kind: Touched['kind'], thing: string, effect: Touched['effect'], detail?: string): void => {
    found.push({ kind, name: thing, effect, ...(detail === undefined ? {} : { detail }) });
  };
  const disks = [
    ['root', spec.diskGiB] as const,
    ...spec.volumes.map((volume) => [volume.name, volume.sizeGiB] as const),
  ];
  if (work.create || work.destroy) {
    const effect = work.create ? 'created' : 'removed';
    say('guest', name, effect, presence === 'missing' ? (work.create ? 'again, empty' : 'is gone already') : undefined);
    for (const [disk, sizeGiB] of disks)
      say('volume', `${spec.hostname} ${disk}`, effect, `${sizeGiB} GiB on ${spec.storage}`);
    if (presence === 'new' || work.destroy) say('address', spec.network.address, effect, spec.hostname);
    if (work.destroy) say('firewall-rule', name, 'removed', 'with the guest');
  } else {
    if (work.start) say('guest', name, 'restarted', work.wakes ? 'wakes up' : 'is started');
    if (work.stop) say('guest', name, 'changed', 'is stopped and kept');
    if (work.restart || work.resize?.reboot)
      say('guest', name, 'restarted', work.resize ? 'for its new size' : 'for its new configuration');
    const changes = [
      work.rename && `${spec.hostname}.${work.rename.from} → ${spec.hostname}.${spec.domain}`,
      work.resize && `${work.resize.cpus} CPUs, ${work.resize.memoryMiB} MiB`,
      work.install && 'installed',
      work.configure && 'configured',
    ].filter((change) => typeof change === 'string');
    const { move } = work;
    if (move) {
      const restarts = presence === 'running' && spec.kind === 'container';
      say('guest', name, restarts ? 'restarted' : 'changed', `moves from ${move.from} to ${move.to}`);
    }
    const any = changes.length > 0 || work.renameHook.length > 0 || work.grow.length > 0 || work.check || work.ready;
    if (any) say('guest', name, 'changed', changes.join(', ') || (work.grow.length > 0 ? 'disk grows' : 'checked'));
  }
  for (const { disk, from, sizeGiB } of work.grow) {
    say('volume', `${spec.hostname} ${disk === 'root' ? 'root' : disk.volume}`, 'changed', `${from} → ${sizeGiB} GiB`);
  }
  if (work.rules) {
    const rules = work.rules.map((rule) => `${rule.protocol}/${rule.port} from ${rule.source ?? 'anywhere'}`);
    say('firewall-rule', name, work.create ? 'created' : 'changed', rules.join(', '));
  }
  if (!work.create && draft.steps.size > 0 && servesHere(draft, guest))
    say('guest', name, 'changed', 'serves bindings');
  return found;
}

/** Provide and withdraw hooks run on it. */
function servesHere(draft: Draft, guest: MemberGuest): boolean {
  const { work } = guest;
  if (work.configure || work.install || work.resize || work.destroy) return false;
  for (const { step } of draft.steps.values()) {
    if ((step.kind === 'binding.provide' || step.kind === 'binding.withdraw') && step.guest === guest.key) return true;
  }
  return false;
}

/** What a binding makes at its provider, in the words of its interface. */
function ofBinding(draft: Draft, binding: DraftBinding, effect: Touched['effect']): Touched[] {
  const { request } = binding;
  const consumer = nameOf(draft, binding.consumer);
  const provider = nameOf(draft, binding.provider);
  const name = becomes(textOf(binding.recorded?.request.host), textOf(request.host)) ?? consumer;
  switch (binding.interface.replace(/\/v\d+$/, '')) {
    case 'dns-record':
      return [
        {
          kind: 'dns-name',
          name: becomes(formerName(draft, binding), dnsName(draft, request)) ?? '',
          effect,
          detail: `${textOf(request.type) ?? ''} ${readable(textOf(request.value) ?? '')}`.trim(),
        },
      ];
    case 'http-route': {
      const paths = Array.isArray(request.paths) ? request.paths.join(' ') : '';
      return [
        {
          kind: 'route',
          name: `${name}${paths === '' ? '' : ` ${paths}`}`,
          effect,
          detail: `${provider} → ${consumer}, ${textOf(request.access) ?? 'public'}`,
        },
      ];
    }
    case 'ldap':
      return [{ kind: 'account', name: `${consumer} at ${provider}`, effect, detail: 'reads people and groups' }];
    case 'oidc':
    case 'forward-auth':
      return [{ kind: 'client', name: `${name} at ${provider}`, effect, detail: binding.interface }];
    case 'postgresql':
    case 'redis':
      return [
        {
          kind: 'database',
          name: `${textOf(request.database) ?? 'key space'} of ${consumer} at ${provider}`,
          effect,
        },
      ];
    default:
      return [{ kind: 'account', name: `${consumer} at ${provider}`, effect, detail: binding.interface }];
  }
}

/** `wiki.old.test → wiki.new.test`; one name where nothing changes. */
const becomes = (before: string | undefined, now: string | undefined): string | undefined =>
  now !== undefined && before !== undefined && before !== now ? `${before} → ${now}` : now;

/** The name that a relation had below the domain its consumer leaves. */
function formerName(draft: Draft, { consumer, recorded }: DraftBinding): string | undefined {
  const from = consumer.guests.find(({ work }) => work.rename)?.work.rename?.from;
  return recorded && from !== undefined ? dnsName(draft, recorded.request, from) : undefined;
}

const textOf = (value: Json | undefined): string | undefined =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;

/** `{{ binding.route.externalAddress }}` → `(externalAddress of route)`. */
const readable = (text: string): string => text.replace(/\{\{\s*binding\.([^.\s]+)\.([^\s}]+)\s*\}\}/g, '($2 of $1)');

/** Names are relative to the site's domain; a PTR's name is an address. */
function dnsName(draft: Draft, request: JsonObject, domain = draft.input.site.domain): string {
  const name = textOf(request.name) ?? '@';
  if (request.type === 'PTR') return name;
  return name === '@' ? domain : `${name}.${domain}`;
}

/** Relations whose provider leaves too: nothing is withdrawn, but what they had is gone all the same. */
function withTheirProvider(draft: Draft): Touched[] {
  return draft.leaving.flatMap((provider) =>
    (draft.index.bindingsByProvider.get(provider.id) ?? []).flatMap((recorded) => {
      const consumer = [...draft.leaving, ...draft.members.values()].find((member) => member.id === recorded.consumer);
      if (consumer === undefined) return [];
      const binding = { ...recorded, definition: undefined, consumer, provider, recorded, provide: false };
      return ofBinding(draft, binding, 'removed');
    }),
  );
}

function certificates(draft: Draft, member: Member): Touched[] {
  const renamed = member.guests.find(({ work }) => work.rename);
  const effect =
    member.role === 'leaving'
      ? 'removed'
      : renamed
        ? 'changed'
        : member.role === 'wanted' && !member.recorded
          ? 'created'
          : undefined;
  if (effect === undefined) return [];
  return Object.entries(member.manifest?.certificates ?? {}).flatMap(([key, policy]) => {
    const facts = instanceFacts(draft, member);
    const names = policy.names.map((name) => String(interpolate(name, facts).value));
    const guests = member.guests.filter((guest) => policy.guest === undefined || guest.name === policy.guest);
    const hosts = guests.flatMap(({ spec }) => (spec ? [`${spec.hostname}.${spec.domain}`] : []));
    const of = [...hosts, ...names].join(', ');
    return [
      {
        kind: 'certificate' as const,
        name: `${nameOf(draft, member)} ${key}`,
        effect,
        detail: policy.kind === 'authority' ? `authority below ${draft.input.site.domain}` : of,
      },
    ];
  });
}
