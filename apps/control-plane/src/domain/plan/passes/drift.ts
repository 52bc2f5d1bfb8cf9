import { type Drift, sizeDriftOf } from '../../stack/drift.js';
import { type Draft, type DraftBinding, leftAsIs, type MemberGuest, report } from '../draft.js';

/**
 * What a plan says of differences that it was not made for. A guest that is gone or stopped is told of where it is
 * marked (diff); here are the sizes, and the guests that somebody wants left as they are.
 */
export function tellSizes(draft: Draft, guest: MemberGuest): void {
  const { recorded, observed, work } = guest;
  if (!recorded || !observed) return;
  for (const drift of sizeDriftOf(recorded, observed)) {
    const disk = drift.field === 'diskGiB';
    const grown = work.grow.find((one) => one.disk === 'root');
    if (disk && grown && Number(drift.observed) > grown.sizeGiB) {
      report(draft, 'error', {
        code: 'change.immutable',
        subject: guest.key,
        message: `The root disk has ${drift.observed} GiB already and cannot become ${grown.sizeGiB} GiB.`,
        remedy: `Adopt the size it has, or ask for at least as much.`,
      });
      continue;
    }
    const written = disk ? grown !== undefined : work.resize !== undefined;
    const word = leftAsIs(guest, drift.field);
    if (word && written) refuseIgnored(draft, guest, `${sizeOf(drift)}`, word);
    else if (word) tellIgnored(draft, guest, sizeOf(drift), word);
    else if (!guest.restore.has(drift.field)) {
      report(draft, written ? 'warning' : 'info', {
        code: 'drift.guest_resized',
        subject: guest.key,
        message: `The guest has ${sizeOf(drift)}; ${written ? 'this plan overwrites that' : 'this plan leaves it so'}.`,
        ...(written ? {} : { remedy: 'Adopt it, put it back, or ignore it, at the guests of the stack.' }),
      });
    }
  }
}

const WHAT = { cpus: 'processors', memoryMiB: 'MiB of memory', diskGiB: 'GiB of root disk' } as const;
const sizeOf = ({ field, observed, recorded }: Drift): string =>
  `${observed} ${WHAT[field as keyof typeof WHAT]}, ${recorded} are recorded`;

type Word = NonNullable<ReturnType<typeof leftAsIs>>;

export function tellIgnored(draft: Draft, guest: MemberGuest, what: string, { reason, by }: Word): void {
  report(draft, 'info', {
    code: 'drift.ignored',
    subject: guest.key,
    message: `The guest has a difference that is left as it is: ${what} (${by}: ${reason}).`,
  });
}

function refuseIgnored(draft: Draft, guest: MemberGuest, what: string, { reason, by }: Word): void {
  report(draft, 'error', {
    code: 'drift.ignored',
    subject: guest.key,
    message: `This plan has to work on a guest that is to be left as it is: ${what} (${by}: ${reason}).`,
    remedy: 'Withdraw that word, adopt what is there, or put it back first.',
  });
}

/** The word by which a guest is neither made nor started. */
export const restingAs = (guest: MemberGuest): Word | undefined =>
  guest.presence === 'missing'
    ? leftAsIs(guest, 'presence')
    : guest.presence === 'stopped'
      ? leftAsIs(guest, 'status')
      : undefined;

/** After everything is marked: a guest that is to rest cannot be worked on. */
export function refuseWorkOnResting(
  draft: Draft,
  hookGuestOf: (binding: DraftBinding) => MemberGuest | undefined,
): void {
  const serving = new Set([...draft.bindings, ...draft.reprovided].filter((b) => b.provide).map(hookGuestOf));
  for (const member of draft.members.values()) {
    for (const guest of member.guests) {
      const word = restingAs(guest);
      if (!word) continue;
      const { work } = guest;
      const what = guest.presence === 'missing' ? 'it is gone' : 'it is stopped';
      const touched =
        work.install || work.configure || work.restart || work.resize || work.move || work.grow.length > 0;
      if (touched || serving.has(guest)) refuseIgnored(draft, guest, what, word);
      else tellIgnored(draft, guest, what, word);
    }
  }
}
