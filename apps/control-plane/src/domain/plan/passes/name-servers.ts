import type { Draft } from '../draft.js';
import { providingGuests } from '../draft.js';
import { externalMember } from '../members.js';

/**
 * After allocating, because the site's own name server may be among the guests that only now have an address. New guests
 * ask the site's name servers first and the upstream resolvers after them; a name server itself asks upstream. What
 * recorded guests ask is left as it is.
 */
export function nameServers(draft: Draft): void {
  const { site } = draft.input;
  const own = new Set<string>();
  const servers: string[] = [];
  const collect = (member: Parameters<typeof providingGuests>[0]): void => {
    for (const [provided, offer] of Object.entries(member.manifest?.provides ?? {})) {
      if (offer.interface !== 'dns-record/v1') continue;
      for (const guest of providingGuests(member, provided)) {
        if (guest.spec === undefined) continue;
        own.add(guest.key);
        servers.push(guest.spec.network.address);
      }
    }
  };
  for (const member of draft.members.values()) collect(member);
  const elsewhere = (draft.index.providingModules.get('dns-record/v1') ?? []).flatMap((module) =>
    (draft.index.instancesByModule.get(module) ?? []).filter((instance) => instance.stack !== draft.input.wanted.id),
  );
  for (const { id } of elsewhere) {
    const member = externalMember(draft, id);
    if (member) collect(member);
  }
  const all = [...new Set(servers)].sort();
  for (const member of draft.members.values()) {
    for (const guest of member.guests) {
      if (guest.spec === undefined || (guest.presence !== 'new' && guest.presence !== 'missing')) continue;
      const others = own.has(guest.key) ? all.filter((address) => address !== guest.spec?.network.address) : all;
      const nameservers = [...new Set([...others, ...site.resolvers])];
      guest.spec = { ...guest.spec, nameservers: nameservers.length > 0 ? nameservers : all };
    }
  }
}
