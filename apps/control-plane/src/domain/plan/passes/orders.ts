import { answersTo, driftOf } from '../../stack/drift.js';
import { type Draft, type MemberGuest, report } from '../draft.js';
import { storageOn } from './place.js';

/**
 * Once every instance is known, before the diff: marks what is asked for once. A move names the node a guest goes to; a rotation names secrets that are
 * made anew; a restore names a difference that is put back. All are of the plan alone: whoever moves the guest back by hand afterwards is not corrected by the next plan.
 */
export function orders(draft: Draft): void {
  if (draft.input.wanted.state === 'removed') return;
  const { move, rotate, restore } = draft.input.orders ?? {};
  const guests = new Map(
    [...draft.members.values()].flatMap((member) => member.guests.map((g) => [`${member.name}.${g.name}`, g])),
  );
  checkGuestSizes(draft, guests);
  for (const [name, to] of Object.entries(move ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const guest = guests.get(name);
    if (guest) markMove(draft, name, guest, to);
    else unknown(draft, `move.${name}`, `There is no guest ${name}`, [...guests.keys()]);
  }
  for (const name of [...new Set(rotate)].sort()) markRotation(draft, name);
  for (const name of [...new Set(restore)].sort()) markRestore(draft, name, guests);
}

/** What the admin says of single guests must be about guests that there are; a component that is off has none. */
function checkGuestSizes(draft: Draft, guests: ReadonlyMap<string, MemberGuest>): void {
  for (const [name, size] of Object.entries(draft.input.wanted.guests ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const guest = guests.get(name);
    if (guest === undefined && isOff(draft, name.split('.', 1)[0] ?? '')) continue;
    const unknown = Object.keys(size.volumes ?? {}).filter((volume) => guest?.template?.volumes[volume] === undefined);
    if (guest !== undefined && unknown.length === 0) continue;
    report(draft, 'error', {
      code: 'parameter.unknown',
      subject: `guests.${name}`,
      message: guest
        ? `Guest ${name} has no volume ${unknown.join(', ')}; it has ${Object.keys(guest.template?.volumes ?? {}).join(', ') || 'none'}.`
        : `There is no guest ${name}; the stack has ${[...guests.keys()].join(', ') || 'none'}.`,
      remedy: 'Correct the name.',
    });
  }
}

const isOff = (draft: Draft, instance: string): boolean =>
  draft.knownInstances.has(instance) && !draft.members.has(instance);

function markMove(draft: Draft, name: string, guest: MemberGuest, to: string): void {
  const { recorded, observed, presence, spec } = guest;
  const subject = guest.key;
  const substrate = recorded && draft.input.observed[recorded.substrate];
  if (recorded === undefined || observed === undefined || substrate === undefined || spec === undefined) {
    report(draft, 'error', {
      code: 'guest.not_found',
      subject,
      message: `Guest ${name} is not there, so it cannot be moved.`,
      remedy: 'Apply a plan without the move first.',
    });
    return;
  }
  if (observed.node === to) {
    report(draft, 'info', { code: 'move.there', subject, message: `Guest ${name} is on ${to} already.` });
    return;
  }
  if (presence === 'unknown') {
    report(draft, 'error', {
      code: 'drift.guest_unknown',
      subject,
      message: `Nothing can be said about guest ${name} on ${observed.node}, so it cannot be moved.`,
      remedy: 'Bring its node online, or let high availability recover the guest, and plan again.',
    });
    return;
  }
  const allowed = draft.input.site.substrates[recorded.substrate]?.nodes ?? [];
  const nodes = substrate.nodes.filter((n) => n.online && (allowed.length === 0 || allowed.includes(n.name)));
  if (!nodes.some((node) => node.name === to)) {
    unknown(
      draft,
      `move.${name}`,
      `${to} is no node that is online and may take guests`,
      nodes.map((node) => node.name).filter((node) => node !== observed.node),
    );
    return;
  }
  if (storageOn(substrate, to, spec.storage) === undefined) {
    report(draft, 'error', {
      code: 'storage.missing',
      subject,
      message: `Node ${to} does not have storage ${spec.storage}, on which the disks of ${name} lie.`,
      remedy: `Make the storage available on ${to}, or choose another node.`,
    });
    return;
  }
  guest.work.move = { from: observed.node, to };
}

/** `wiki.app.memoryMiB`: that difference is put back as recorded, also where it was to be ignored. */
function markRestore(draft: Draft, name: string, guests: ReadonlyMap<string, MemberGuest>): void {
  const at = name.lastIndexOf('.');
  const guest = guests.get(name.slice(0, at));
  const { recorded, observed } = guest ?? {};
  if (guest === undefined || recorded === undefined) {
    unknown(draft, `restore.${name}`, `There is no guest ${name.slice(0, at)}`, [...guests.keys()]);
    return;
  }
  const drift =
    guest.presence === 'unknown' ? undefined : driftOf(recorded, observed).find((d) => d.field === name.slice(at + 1));
  if (drift === undefined) {
    report(draft, 'info', {
      code: 'restore.there',
      subject: guest.key,
      message: `${name} is as recorded, or nothing can be said about it; there is nothing to put back.`,
    });
    return;
  }
  const why = answersTo(drift).restore;
  if (why !== undefined) {
    report(draft, 'error', {
      code: 'change.unsupported',
      subject: guest.key,
      message: `${name} is ${drift.observed} and cannot be put back to ${drift.recorded} by a plan.`,
      remedy: 'Adopt it, correct it by hand on the substrate, or ignore it.',
      details: { why },
    });
    return;
  }
  guest.restore.add(drift.field);
  if (drift.field === 'node') markMove(draft, name.slice(0, at), guest, recorded.node);
}

/** `wiki.adminPassword` is a secret of the instance, `wiki.database` what a provider and it share. */
function markRotation(draft: Draft, name: string): void {
  const [instance = '', key = ''] = name.split('.', 2);
  const member = draft.members.get(instance);
  if (member?.recorded && Object.hasOwn(member.manifest.secrets, key)) {
    const how = member.manifest.changes[`secrets.${key}`];
    if (how === undefined || how === 'in-place') {
      member.rotate.add(key);
      return;
    }
    report(draft, 'error', {
      code: how === 'immutable' ? 'change.immutable' : 'change.unsupported',
      subject: name,
      message: `The module cannot take another ${key} once it is installed.`,
      remedy: 'Change it inside the application, as its own guide says.',
      details: { class: how },
    });
    return;
  }
  const binding = draft.bindings.find((b) => b.consumer === member && b.requirement === key && b.recorded);
  if (binding && Object.keys(binding.definition?.secrets ?? {}).length > 0) {
    binding.rotate = true;
    return;
  }
  const known = [...draft.members.values()].flatMap((m) => [
    ...(m.recorded ? Object.keys(m.manifest.secrets).map((secret) => `${m.name}.${secret}`) : []),
    ...draft.bindings
      .filter((b) => b.consumer === m && b.recorded && Object.keys(b.definition?.secrets ?? {}).length > 0)
      .map((b) => `${m.name}.${b.requirement}`),
  ]);
  unknown(draft, `rotate.${name}`, `The stack has no secret ${name} that could be made anew`, known);
}

function unknown(draft: Draft, subject: string, message: string, known: readonly string[]): void {
  report(draft, 'error', {
    code: 'parameter.unknown',
    subject,
    message: `${message}; there is ${known.join(', ') || 'none'}.`,
    remedy: 'Choose one of these.',
  });
}
