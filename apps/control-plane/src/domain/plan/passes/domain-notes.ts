import { type Draft, type Member, providingGuests, report } from '../draft.js';

/** With the steps: what a change of the domain means for people, and what only people can do about it. */
export function domainNotes(draft: Draft): void {
  const order = draft.input.orders?.domain;
  if (order === undefined) return;
  const { from, to, rewrite, values } = order;
  // Only what a broken-off change left is still to be done: people know already.
  if (from === to) return;
  for (const { subject, before, after } of values) {
    report(draft, rewrite ? 'info' : 'warning', {
      code: rewrite ? 'domain.value_rewritten' : 'domain.value_kept',
      subject,
      message: rewrite
        ? `Set by hand to ${before}; becomes ${after}.`
        : `Set by hand to ${before}, which names the old domain; it stays as it is.`,
      ...(rewrite ? {} : { remedy: `Set it to ${after}, or plan again and have such values rewritten.` }),
    });
  }
  const note = (code: string, message: string, remedy?: string): void =>
    report(draft, 'info', { code, subject: to, message, ...(remedy ? { remedy } : {}) });
  note(
    'domain.names',
    `Names below ${from} stop answering and those below ${to} take their place; nothing is redirected.`,
    'Tell people the new addresses: bookmarks, links in mails, and accounts on phones and desktops name the old ones.',
  );
  note('domain.sign_in', 'Each service pauses while it is configured, and everybody signs in again afterwards.');
  const servers = [...draft.members.values(), ...draft.external.values()].flatMap(nameServersOf);
  if (servers.length > 0) {
    note(
      'domain.delegation',
      `The site's own name server answers for ${to}: ${[...new Set(servers)].sort().join(', ')}.`,
      `Where people's machines ask another one, forward ${to} to it there, and take the rule for ${from} away.`,
    );
  }
  note('domain.authority', 'The certificate authority of the site stays: machines that trust it need nothing new.');
}

const nameServersOf = (member: Member): readonly string[] =>
  Object.entries(member.manifest?.provides ?? {})
    .filter(([, offer]) => offer.interface === 'dns-record/v1')
    .flatMap(([provided]) => providingGuests(member, provided))
    .flatMap(({ spec }) => (spec ? [spec.network.address] : []));
