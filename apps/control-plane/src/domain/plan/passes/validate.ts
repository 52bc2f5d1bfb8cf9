import { type Draft, report } from '../draft.js';

/**
 * First after loading: is the request about something that can be planned at all? What the documents can say wrong was
 * found when they were read; here only what depends on the site and its substrates.
 */
export function validate(draft: Draft): void {
  const { wanted, site, observed } = draft.input;
  if (wanted.site !== site.name) {
    report(draft, 'error', {
      code: 'request.invalid',
      subject: wanted.name,
      message: `The stack belongs to site ${wanted.site}, not to ${site.name}.`,
      remedy: 'Plan it on its own site.',
    });
  }
  const needed =
    wanted.state !== 'present'
      ? new Set([...draft.index.own.values()].flatMap((i) => substratesOf(draft, i.id)))
      : new Set(Object.keys(site.substrates));
  for (const name of [...needed].sort()) {
    if (observed[name] === undefined) {
      report(draft, 'error', {
        code: 'substrate.unreachable',
        subject: name,
        message: `Substrate ${name} could not be read, so nothing is known about its guests.`,
        remedy: 'Make it reachable and plan again.',
      });
    }
  }
}

const substratesOf = (draft: Draft, instance: Parameters<Draft['index']['guestsByInstance']['get']>[0]): string[] =>
  (draft.index.guestsByInstance.get(instance) ?? []).map((guest) => guest.substrate);
