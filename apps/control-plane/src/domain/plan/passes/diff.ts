import { sameJson } from '../../module/hash.js';
import type { ChangeClass } from '../../module/manifest.js';
import { type Draft, hasHook, leftAsIs, type Member, type MemberGuest, report, type WantedMember } from '../draft.js';
import { diffBindings, hookGuest } from './diff-bindings.js';
import { refuseWorkOnResting, restingAs, tellSizes } from './drift.js';
import { isRenamed } from './rename.js';

/**
 * The heart: compares what shall be with what is recorded and observed, field by field, and marks on each guest what is
 * to do. After configure, because it needs finished values; before the firewall, because rules depend on who is there.
 */
export function diff(draft: Draft): void {
  for (const member of draft.members.values()) {
    for (const guest of member.guests) {
      diffPresence(draft, guest);
      if (guest.recorded && !guest.work.create && guest.presence !== 'missing') diffSizes(draft, member, guest);
      diffHooks(member, guest);
    }
    // A guest that joins changes what the others are told of their instance.
    if (member.guests.some(({ work }) => work.create) && hasHook(member, 'configure')) {
      for (const { work } of member.guests) work.configure = true;
    }
    diffConfig(draft, member);
  }
  diffBindings(draft);
  refuseWorkOnResting(draft, hookGuest);
  for (const member of draft.leaving) leaveGuests(draft, member);
  for (const member of [...draft.members.values(), ...draft.external.values()]) markChecks(draft, member);
}

function diffPresence(draft: Draft, guest: MemberGuest): void {
  const { presence, recorded, observed, work } = guest;
  const subject = guest.key;
  if (
    guest.owner.role === 'wanted' &&
    recorded &&
    presence !== 'missing' &&
    draft.index.archived.has(draft.input.wanted.id)
  ) {
    // Its guests were put to rest by a plan, and this one wakes them.
    if (presence !== 'unknown') Object.assign(work, { start: true, wakes: true, ready: true });
    else tellUnknown(draft, guest);
    return;
  }
  if (restingAs(guest)) return;
  if (presence === 'new' || presence === 'missing') {
    Object.assign(work, { create: true, start: true, ready: true });
    if (presence === 'missing') {
      report(draft, 'warning', {
        code: 'drift.guest_missing',
        subject,
        message: `Guest ${recorded?.vmid} on ${recorded?.substrate}/${recorded?.node} is gone; it will be created again, empty.`,
        remedy: 'Restore it from a backup afterwards if it held data.',
      });
    }
    return;
  }
  const neverReady = recorded?.hostKeys.length === 0;
  if (presence === 'stopped') {
    Object.assign(work, { start: true, ready: true });
    if (!neverReady) {
      report(draft, 'warning', {
        code: 'drift.guest_stopped',
        subject,
        message: `Guest ${observed?.vmid} on ${recorded?.substrate}/${observed?.node} is stopped; it will be started.`,
      });
    }
  } else if (presence === 'unknown') {
    tellUnknown(draft, guest);
  } else if (neverReady) work.ready = true;
  if (observed && recorded && observed.node !== recorded.node && !work.move && !leftAsIs(guest, 'node')) {
    report(draft, 'info', {
      code: 'drift.guest_moved',
      subject,
      message: `The guest moved from ${recorded.node} to ${observed.node}.`,
    });
  }
}

function tellUnknown(draft: Draft, { key, recorded }: MemberGuest): void {
  report(draft, 'warning', {
    code: 'drift.guest_unknown',
    subject: key,
    message: `Nothing can be said about guest ${recorded?.vmid} on ${recorded?.substrate}/${recorded?.node}; it is neither created nor started.`,
    remedy: 'Bring its node online, or resume it, and plan again.',
  });
}

/** Change classes of fields that the module says nothing about. */
function classOf(member: WantedMember, field: string): ChangeClass {
  const said = member.manifest.changes[field];
  if (said) return said;
  if (/^guests\.[^.]+\.(cpus|memory)$/.test(field) || field.startsWith('config.')) return 'in-place';
  return /^guests\.[^.]+\.(disk|volumes\.[^.]+(\.size)?)$/.test(field) ? 'grow-only' : 'immutable';
}

function diffSizes(draft: Draft, member: WantedMember, guest: MemberGuest): void {
  const { template, spec, work } = guest;
  if (template === undefined || spec === undefined) return;
  const at = `guests.${guest.name}`;
  // What is put back is no change of the module's: only whether it takes a restart matters.
  const back = (field: 'cpus' | 'memoryMiB', name: string) =>
    !guest.restore.has(field)
      ? undefined
      : spec.kind === 'vm' || classOf(member, name) === 'reboot'
        ? 'reboot'
        : 'in-place';
  const cpus = changed(draft, member, `${at}.cpus`, spec.cpus, template.cpus) ?? back('cpus', `${at}.cpus`);
  const memory =
    changed(draft, member, `${at}.memory`, spec.memoryMiB, template.memoryMiB) ?? back('memoryMiB', `${at}.memory`);
  if (cpus || memory) {
    const reboot = [cpus, memory].includes('reboot');
    work.resize = { cpus: template.cpus, memoryMiB: template.memoryMiB, reboot };
  }
  if (changed(draft, member, `${at}.disk`, spec.diskGiB, template.diskGiB) || guest.restore.has('diskGiB')) {
    const from = guest.restore.has('diskGiB') ? (guest.observed?.diskGiB ?? spec.diskGiB) : spec.diskGiB;
    work.grow.push({ disk: 'root', from, sizeGiB: template.diskGiB });
  }
  tellSizes(draft, guest);
  const volumes = spec.volumes.map((volume) => {
    const wanted = template.volumes[volume.name];
    if (wanted === undefined) return volume;
    const field = `${at}.volumes.${volume.name}`;
    if (
      changed(
        draft,
        member,
        member.manifest.changes[`${field}.size`] ? `${field}.size` : field,
        volume.sizeGiB,
        wanted.sizeGiB,
      )
    ) {
      work.grow.push({ disk: { volume: volume.name }, from: volume.sizeGiB, sizeGiB: wanted.sizeGiB });
    }
    return { ...volume, sizeGiB: wanted.sizeGiB };
  });
  for (const name of Object.keys(template.volumes).sort()) {
    if (!spec.volumes.some((volume) => volume.name === name))
      refuse(draft, member, `${at}.volumes.${name}`, 'change.unsupported', 'absent', 'there');
  }
  changed(draft, member, `${at}.zone`, spec.network.zone, template.zone);
  changed(draft, member, `${at}.kind`, spec.kind, template.kind);
  diffImage(draft, member, guest);
  guest.spec = { ...spec, cpus: template.cpus, memoryMiB: template.memoryMiB, diskGiB: template.diskGiB, volumes };
}

/** A site may map an image to a newer volume at any time; only another logical image is a change of the guest. */
function diffImage(draft: Draft, member: WantedMember, { name, template, spec }: MemberGuest): void {
  if (template === undefined || spec === undefined) return;
  const images = Object.entries(draft.input.site.substrates[spec.substrate]?.images ?? {});
  const before = images
    .filter(([, image]) => [image.container?.volume, image.vm?.volume].includes(spec.image))
    .map(([image]) => image);
  if (before.length > 0 && !before.includes(template.image)) {
    changed(draft, member, `guests.${name}.image`, before.join(' or '), template.image);
  }
}

function diffConfig(draft: Draft, member: WantedMember): void {
  if (!member.configChanged || member.recorded === undefined) return;
  const before = member.recorded.config;
  for (const key of [...new Set([...Object.keys(before), ...Object.keys(member.config)])].sort()) {
    if (sameJson(before[key], member.config[key])) continue;
    const how = changed(draft, member, `config.${key}`, before[key], member.config[key]);
    if (how === 'reboot') for (const guest of member.guests) guest.work.restart = !guest.work.create;
  }
}

/** How a field's change is carried out; undefined when it did not change, or may not. */
function changed(
  draft: Draft,
  member: WantedMember,
  field: string,
  before: unknown,
  after: unknown,
): 'in-place' | 'reboot' | undefined {
  if (sameJson(before, after)) return undefined;
  const how = classOf(member, field);
  switch (how) {
    case 'in-place':
    case 'reboot':
      return how;
    case 'grow-only':
      if (typeof before === 'number' && typeof after === 'number' && after > before) return 'in-place';
      refuse(draft, member, field, 'change.immutable', before, after);
      return undefined;
    case 'immutable':
      refuse(draft, member, field, 'change.immutable', before, after);
      return undefined;
    case 'migrate':
    case 'recreate':
      refuse(draft, member, field, 'change.unsupported', before, after);
      return undefined;
    default:
      return how satisfies never;
  }
}

function refuse(
  draft: Draft,
  member: WantedMember,
  field: string,
  code: 'change.immutable' | 'change.unsupported',
  before: unknown,
  after: unknown,
): void {
  const how = classOf(member, field);
  const why =
    code === 'change.unsupported'
      ? 'cannot be changed on an installed instance yet'
      : how === 'grow-only'
        ? 'can only grow'
        : 'cannot be changed once installed';
  report(draft, 'error', {
    code,
    subject: `${member.name}.${field}`,
    message: `${field} ${why} (is ${text(before)}, wanted ${text(after)}).`,
    remedy: 'Take the old value, or install a new stack and move the data.',
    details: { class: how },
  });
}

const text = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? 'not set'));

function diffHooks(member: WantedMember, guest: MemberGuest): void {
  const { work, name } = guest;
  const { recorded } = member;
  work.install = hasHook(member, 'install') && (work.create || !recorded?.installed.includes(name));
  const current = recorded !== undefined && !member.configChanged && recorded.moduleDigest === member.moduleDigest;
  work.configure =
    hasHook(member, 'configure') &&
    (work.create ||
      work.install ||
      !current ||
      recorded.configured[name] === undefined ||
      member.rotate.size > 0 ||
      isRenamed(member));
}

function leaveGuests(draft: Draft, member: Member): void {
  for (const guest of member.guests) {
    guest.work.remove =
      hasHook(member, 'remove') &&
      guest.presence === 'running' &&
      (member.recorded?.installed.includes(guest.name) ?? false);
    guest.work.stop = guest.presence === 'running';
    guest.work.destroy = true;
    if (guest.presence !== 'running' && hasHook(member, 'remove')) {
      report(draft, 'warning', {
        code: 'removal.hook_skipped',
        subject: guest.key,
        message: `The guest does not run, so its module cannot clean up outside its own guests.`,
      });
    }
  }
}

function markChecks(draft: Draft, member: Member): void {
  if (!hasHook(member, 'check')) return;
  const bound = [...draft.bindings, ...draft.reprovided].some((b) => b.consumer === member && b.provide);
  const touched = member.guests.some(
    ({ work: w }) =>
      w.start ||
      w.ready ||
      w.resize ||
      w.grow.length > 0 ||
      w.move ||
      w.install ||
      w.configure ||
      w.renameHook.length > 0 ||
      w.restart,
  );
  if (bound || touched)
    for (const guest of member.guests) guest.work.check = guest.presence !== 'unknown' && !restingAs(guest);
}
