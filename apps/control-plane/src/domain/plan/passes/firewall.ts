import type { InstanceId, JsonObject } from '../../ids.js';
import type { GuestRule } from '../../stack/guest-spec.js';
import { type Draft, type Member, type MemberGuest, providingGuests, report } from '../draft.js';
import { firewallDigest } from '../firewall-digest.js';
import { externalMember } from '../members.js';
import { restingAs } from './drift.js';

interface Relation {
  readonly interface: string;
  readonly request: JsonObject;
  readonly consumer: InstanceId;
  readonly provider: InstanceId;
  readonly provided: string;
}

/**
 * After the diff, because who talks to whom follows from the bindings that stay and those that come. Guests of other
 * stacks are looked at only when they are at the other end of one of this stack's bindings, old or new.
 */
export function firewall(draft: Draft): void {
  const members: Member[] = [...draft.members.values()];
  for (const binding of [...draft.bindings, ...draft.withdrawn]) {
    for (const member of [binding.provider, binding.consumer]) {
      if (member.role === 'external' && !members.includes(member)) members.push(member);
    }
  }
  for (const member of members) {
    if (member.manifest === undefined) {
      report(draft, 'warning', {
        code: 'module.gone',
        subject: `${member.stack}/${member.name}`,
        message: `Module ${member.module} is not in the catalogue, so the firewall of its guests is left as it is.`,
        remedy: 'Add the module to the catalogue again.',
      });
      continue;
    }
    const relations = relationsOf(draft, member);
    for (const guest of member.guests) {
      if (guest.presence === 'unknown' || (member.role === 'external' && guest.presence === 'missing')) continue;
      if (guest.presence === 'missing' && restingAs(guest)) continue;
      const rules = rulesFor(draft, member, guest, relations);
      if (guest.work.create || firewallDigest(rules, draft.input.sha256) !== guest.recorded?.firewallDigest) {
        guest.work.rules = rules;
      }
    }
  }
}

/** All relations of a member as they will be: planned ones of this stack, recorded ones among others. */
function relationsOf(draft: Draft, member: Member): readonly Relation[] {
  const planned = draft.bindings
    .filter((binding) => binding.consumer === member || binding.provider === member)
    .map(({ consumer, provider, ...rest }) => ({ ...rest, consumer: consumer.id, provider: provider.id }));
  const isOurs = (id: InstanceId) => draft.index.instances.get(id)?.stack === draft.input.wanted.id;
  const recorded = [
    ...(draft.index.bindingsByProvider.get(member.id) ?? []),
    ...(draft.index.bindingsByConsumer.get(member.id) ?? []),
  ].filter((binding) => !isOurs(binding.consumer));
  return [...planned, ...recorded];
}

function rulesFor(
  draft: Draft,
  member: Member,
  guest: MemberGuest,
  relations: readonly Relation[],
): readonly GuestRule[] {
  const { site } = draft.input;
  const rules: GuestRule[] = site.managementNetworks.map((source) => ({
    protocol: 'tcp',
    port: 22,
    source,
    comment: 'management',
  }));
  for (const { port, protocol, from } of member.manifest?.guests[guest.name]?.accepts ?? []) {
    if (from === 'everyone') rules.push({ protocol, port, comment: 'everyone' });
    else
      for (const zone of Object.values(site.zones)) rules.push({ protocol, port, source: zone.cidr, comment: 'site' });
  }
  for (const relation of relations) rules.push(...rulesOfRelation(draft, member, guest, relation));
  const byEffect = new Map<string, GuestRule>();
  for (const rule of rules.sort((a, b) => (a.comment < b.comment ? -1 : 1))) {
    const key = `${rule.protocol}/${String(rule.port).padStart(5, '0')}/${rule.source ?? ''}`;
    if (!byEffect.has(key)) byEffect.set(key, rule);
  }
  return [...byEffect].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, rule]) => rule);
}

function rulesOfRelation(draft: Draft, member: Member, guest: MemberGuest, relation: Relation): GuestRule[] {
  const { index, input } = draft;
  const flows = index.interfaces.get(relation.interface)?.flows ?? [];
  return flows.flatMap(({ from, to, port, protocol }) => {
    const toUs = to === 'provider' ? relation.provider === member.id : relation.consumer === member.id;
    if (!toUs) return [];
    if (to === 'provider' && !providingGuests(member, relation.provided).some((g) => g.name === guest.name)) return [];
    const number = typeof port === 'number' ? port : Number(relation.request[port.requestField]);
    if (!Number.isInteger(number)) return [];
    const peer = memberOf(draft, from === 'provider' ? relation.provider : relation.consumer);
    const guests =
      peer === undefined ? [] : from === 'provider' ? providingGuests(peer, relation.provided) : peer.guests;
    const consumer = memberOf(draft, relation.consumer);
    const name = consumer ? `${consumer.stack}/${consumer.name}` : input.wanted.name;
    const comment = `${relation.interface.replace(/\/v\d+$/, '')} of ${name}`;
    return guests.flatMap(({ spec }) =>
      spec === undefined ? [] : [{ protocol, port: number, source: `${spec.network.address}/32`, comment }],
    );
  });
}

function memberOf(draft: Draft, id: InstanceId): Member | undefined {
  for (const member of draft.members.values()) if (member.id === id) return member;
  return externalMember(draft, id);
}
