import { type Draft, hasHook, type Member, report } from '../draft.js';

/**
 * After allocating and before the configuration, which names the guests: marks every guest that stands in another domain
 * than the site has now. Whatever depends on names follows from these marks: configuration, certificates, relations. They
 * come from what is recorded, so a change of the domain that was broken off goes on in whatever plan comes next.
 */
export function rename(draft: Draft): void {
  const { wanted, site, orders } = draft.input;
  if (wanted.state === 'removed') return;
  for (const member of draft.members.values()) markNames(draft, member);
  if (orders?.domain) return;
  const elsewhere = draft.input.recorded.guests.find(
    (guest) => guest.stack !== wanted.id && guest.spec.domain !== site.domain,
  );
  if (elsewhere === undefined) return;
  report(draft, 'error', {
    code: 'domain.unfinished',
    subject: `site ${site.name}`,
    message: `The domain of the site is ${site.domain}, but stack ${draft.index.stackNames.get(elsewhere.stack) ?? elsewhere.stack} still has names below ${elsewhere.spec.domain}.`,
    remedy: `Finish the change of the domain first: bastide site domain ${site.name} ${site.domain}.`,
  });
}

function markNames(draft: Draft, member: Member): void {
  const { domain } = draft.input.site;
  for (const guest of member.guests) {
    const { recorded, presence, work } = guest;
    // One that is created again comes with the right name and without data.
    if (recorded === undefined || guest.spec === undefined || presence === 'missing') continue;
    if (guest.spec.domain !== domain) {
      work.rename = { from: guest.spec.domain };
      guest.spec = { ...guest.spec, domain };
    }
    const before = [...(recorded.formerDomains ?? []), recorded.spec.domain].filter((name) => name !== domain);
    if (hasHook(member, 'rename')) work.renameHook = [...new Set(before)].sort();
    if (presence === 'unknown' && work.rename) {
      report(draft, 'error', {
        code: 'drift.guest_unknown',
        subject: guest.key,
        message: 'Nothing can be said about the guest, so it cannot be given another name.',
        remedy: 'Bring its node online, or resume the guest, and plan again.',
      });
    }
  }
}

/** Its guests change their names in this plan, so its service, its certificates and its answers may be others afterwards. */
export const isRenamed = (member: Member): boolean => member.guests.some(({ work }) => work.rename !== undefined);
