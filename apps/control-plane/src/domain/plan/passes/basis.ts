import type { Sha256 } from '../../ids.js';
import { digestOf } from '../../module/hash.js';
import type { Draft, Member } from '../draft.js';
import type { PlanBasis } from '../plan.js';
import { toClear } from './clear-begun.js';

/**
 * Last before the hash: digests of everything that was read and mattered. Only what stays the same while nobody changes
 * anything: no usage figures, no ids that are new in this plan.
 */
export function basis(draft: Draft): PlanBasis {
  const { input, index } = draft;
  const subjects: Record<string, Sha256> = {};
  const put = (subject: string, seen: unknown): void => {
    subjects[subject] = digestOf(seen ?? null, input.sha256);
  };
  put(`wanted ${input.wanted.name}`, input.wanted);
  put(`site ${input.site.name}`, input.site);
  for (const other of input.alongside ?? []) put(`wanted ${other.name}`, other);
  for (const { name, version, digest } of draft.blueprints) put(`blueprint ${name}`, { version, digest });
  for (const [name, { onlineNodes }] of index.observed) put(`substrate ${name}`, [...onlineNodes].sort());
  for (const member of [
    ...draft.members.values(),
    ...draft.leaving,
    ...(input.wanted.state === 'archived' ? draft.external.values() : touchedElsewhere(draft)),
  ]) {
    const of = `${member.stack}/${member.name}`;
    put(
      `module ${member.module}`,
      member.manifest && { version: member.manifest.version, digest: member.manifest.digest },
    );
    put(`instance ${of}`, member.recorded);
    for (const guest of member.guests) {
      const { recorded, observed } = guest;
      put(`guest ${guest.key}`, {
        recorded: recorded && {
          id: recorded.id,
          spec: recorded.spec,
          known: recorded.hostKeys,
          firewall: recorded.firewallDigest,
          ...(recorded.formerDomains ? { former: recorded.formerDomains } : {}),
        },
        observed: observed && {
          vmid: observed.vmid,
          node: observed.node,
          status: observed.status,
          stamp: observed.stamp,
          cpus: observed.cpus,
          memoryMiB: observed.memoryMiB,
          diskGiB: observed.diskGiB,
          volumes: observed.volumes,
        },
        ...(guest.ignored.size > 0 ? { ignored: [...guest.ignored.keys()].sort() } : {}),
      });
    }
    if (member.role === 'external') continue;
    for (const binding of index.bindingsByConsumer.get(member.id) ?? [])
      put(`binding ${of}.${binding.requirement}`, binding);
  }
  for (const { spec, vmids } of toClear(draft)) put(`unfinished ${spec.key}`, { id: spec.id, vmids });
  return Object.fromEntries(Object.entries(subjects).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Members of other stacks that one of this stack's bindings or steps has to do with. */
function touchedElsewhere(draft: Draft): readonly Member[] {
  const members = [...draft.bindings, ...draft.withdrawn, ...draft.reprovided].flatMap((b) => [b.provider, b.consumer]);
  const worked = [...draft.external.values()].filter(({ guests }) =>
    guests.some(({ work }) => work.rename || work.configure || work.renameHook.length > 0),
  );
  return [...new Set([...members, ...worked].filter((member) => member.role === 'external'))];
}
