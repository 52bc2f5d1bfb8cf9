import { referencedRequirements } from '../../module/interpolation.js';
import {
  type Draft,
  type DraftBinding,
  guestName,
  hasHook,
  type Member,
  type MemberGuest,
  nameOf,
  report,
} from '../draft.js';
import { refOf } from '../members.js';
import { addHook, addStep, bindingPlan, bindingSubject, stepIds } from '../step-drafts.js';
import { DEFAULT_HOOK_TIMEOUT } from '../step-timing.js';
import { clearBegun } from './clear-begun.js';
import { deriveRemoval, destroysBefore } from './derive-removal.js';
import { hookGuest } from './diff-bindings.js';
import { imageOf } from './place.js';
import { isRenamed } from './rename.js';

/**
 * Turns the marks of the diff into steps. Each names what it waits for; names of steps that do not exist are dropped by
 * `order`, so nothing here asks twice whether a step is needed. Install hooks wait for their own guest alone; only
 * configure waits for bindings: that keeps a stack's time near its longest chain.
 */
export function deriveSteps(draft: Draft): void {
  for (const member of draft.members.values()) {
    for (const guest of member.guests) {
      guestSteps(draft, guest);
      sizeSteps(draft, guest);
      moveSteps(draft, guest);
    }
    if (member.rotate.size > 0) {
      const names = [...member.rotate].sort();
      addStep(
        draft,
        stepIds.rotate(draft, member, 'own'),
        { kind: 'secret.rotate', of: { kind: 'instance', instance: refOf(member) }, names },
        `${nameOf(draft, member)} (${names.join(', ')})`,
        [],
      );
    }
  }
  for (const member of [...draft.members.values(), ...draft.external.values()]) {
    for (const guest of member.guests) {
      renameStep(draft, guest);
      firewallStep(draft, guest);
      hookSteps(draft, member, guest);
    }
  }
  for (const binding of [...draft.bindings, ...draft.reprovided]) if (binding.provide) provideStep(draft, binding);
  deriveRemoval(draft);
  clearBegun(draft);
}

function guestSteps(draft: Draft, guest: MemberGuest): void {
  const { work, spec, owner, key } = guest;
  const id = (verb: Parameters<typeof stepIds.guest>[1]) => stepIds.guest(draft, verb, guest);
  const subject = guestName(draft, guest);
  if (work.create && spec) {
    const image = imageStep(draft, guest);
    addStep(draft, id('create'), { kind: 'guest.create', guest: spec, instance: refOf(owner) }, subject, image);
  }
  if (work.start)
    addStep(draft, id('start'), { kind: 'guest.start', guest: key, ...(work.wakes ? { wakes: true } : {}) }, subject, [
      id('create'),
      id('firewall'),
    ]);
  if (work.ready)
    addStep(draft, id('ready'), { kind: 'guest.ready', guest: key }, subject, [id('create'), id('start')]);
}

/** Makes the image available on the node first, where it is not there yet. */
function imageStep(draft: Draft, guest: MemberGuest): string[] {
  const { template, spec } = guest;
  if (template === undefined || spec === undefined) return [];
  const { substrate, node, image: volume } = spec;
  const images = draft.input.observed[substrate]?.images ?? [];
  const isTemplate = volume.startsWith('template:');
  if (images.some((image) => image.volume === volume && (isTemplate || image.node === node))) return [];
  const source = imageOf(draft, substrate, template);
  if (source?.url === undefined) {
    report(draft, 'error', {
      code: 'image.missing',
      subject: guest.key,
      message: `Image ${volume} is not on ${substrate}/${node}, and the site says no address to fetch it from.`,
      remedy: `Put it there, or add url and sha256 to substrates.${substrate}.images.${template.image}.`,
    });
    return [];
  }
  const id = stepIds.image(substrate, node, volume);
  const step = {
    kind: 'image.ensure',
    substrate,
    node,
    volume,
    url: source.url,
    ...(source.sha256 ? { sha256: source.sha256 } : {}),
  } as const;
  addStep(draft, id, step, `${volume} on ${node}`, []);
  return [id];
}

function sizeSteps(draft: Draft, guest: MemberGuest): void {
  const { work, key } = guest;
  const subject = guestName(draft, guest);
  const ready = stepIds.guest(draft, 'ready', guest);
  if (work.resize)
    addStep(
      draft,
      stepIds.guest(draft, 'resize', guest),
      { kind: 'guest.resize', guest: key, ...work.resize },
      subject,
      [ready],
    );
  for (const { disk, sizeGiB } of work.grow) {
    const name = disk === 'root' ? 'root' : disk.volume;
    const after = [ready, stepIds.guest(draft, 'resize', guest)];
    addStep(
      draft,
      stepIds.guest(draft, `grow-${name}`, guest),
      { kind: 'guest.grow', guest: key, disk, sizeGiB },
      `${subject} ${name}`,
      after,
    );
  }
}

/** After its new size, before its module is configured; a container was restarted by it, so it is waited for again. */
function moveSteps(draft: Draft, guest: MemberGuest): void {
  const { work, key } = guest;
  if (work.move === undefined) return;
  const subject = guestName(draft, guest);
  const move = stepIds.guest(draft, 'move', guest);
  const after = [
    stepIds.guest(draft, 'firewall', guest),
    stepIds.guest(draft, 'ready', guest),
    stepIds.guest(draft, 'resize', guest),
    ...growIds(draft, guest),
  ];
  // A stopped guest of ours is started by every plan, so it runs by now.
  const running = guest.presence === 'running' || work.start;
  addStep(draft, move, { kind: 'guest.move', guest: key, node: work.move.to, running }, subject, after);
  if (!running) return;
  addStep(draft, stepIds.guest(draft, 'ready-moved', guest), { kind: 'guest.ready', guest: key }, subject, [move]);
}

/** Before everything that tells or uses names. */
function renameStep(draft: Draft, guest: MemberGuest): void {
  const { work, key, spec } = guest;
  if (work.rename === undefined || spec === undefined) return;
  const id = (verb: Parameters<typeof stepIds.guest>[1]) => stepIds.guest(draft, verb, guest);
  const after = [id('start'), id('ready'), id('resize'), ...growIds(draft, guest), id('move'), id('ready-moved')];
  addStep(
    draft,
    id('rename'),
    { kind: 'guest.rename', guest: key, domain: spec.domain },
    guestName(draft, guest),
    after,
  );
}

const growIds = (draft: Draft, guest: MemberGuest): string[] =>
  guest.work.grow.map(({ disk }) => stepIds.guest(draft, `grow-${disk === 'root' ? 'root' : disk.volume}`, guest));

function firewallStep(draft: Draft, guest: MemberGuest): void {
  const { work, key, owner } = guest;
  if (work.rules === undefined) return;
  // Rules of instances that go are closed after them; unless the same step opens something that a binding waits for.
  const opens = [...draft.bindings, ...draft.reprovided].some(
    (b) => b.provide && (b.consumer === owner || b.provider === owner),
  );
  const after = [stepIds.guest(draft, 'create', guest), ...(opens ? [] : destroysBefore(draft, owner))];
  addStep(
    draft,
    stepIds.guest(draft, 'firewall', guest),
    { kind: 'guest.firewall', guest: key, rules: work.rules },
    guestName(draft, guest),
    after,
  );
}

function hookSteps(draft: Draft, member: Member, guest: MemberGuest): void {
  const { work, key } = guest;
  const own = (verb: Parameters<typeof stepIds.guest>[1]) => member.guests.map((g) => stepIds.guest(draft, verb, g));
  const grown = member.guests.flatMap((g) => growIds(draft, g));
  const rotated = stepIds.rotate(draft, member, 'own');
  const ready = [
    ...own('start'),
    ...own('ready'),
    ...own('resize'),
    ...grown,
    ...own('move'),
    ...own('ready-moved'),
    ...own('rename'),
  ];
  const installs = member.guests.map((g) => stepIds.hook(draft, 'install', g));
  const bindings = [...draft.bindings, ...draft.reprovided].filter((b) => b.consumer === member);
  const unbinds = draft.withdrawn.filter((b) => b.consumer === member).map((b) => stepIds.unbind(draft, b));
  const binds = [...bindings.map((b) => stepIds.bind(draft, b)), ...unbinds];
  const walls = [...own('firewall'), ...bindings.flatMap((b) => (b.provide ? firewallsOf(draft, b.provider) : []))];
  const newCode = member.recorded !== undefined && member.recorded.moduleDigest !== member.moduleDigest;
  const fetches =
    work.install || (work.configure && newCode && member.role === 'wanted') ? fetchSteps(draft, member) : [];
  if (work.install) {
    addHook(draft, guest, 'install', [
      stepIds.guest(draft, 'ready', guest),
      stepIds.guest(draft, 'resize', guest),
      stepIds.guest(draft, 'rename', guest),
      ...fetches,
    ]);
  }
  const configured = [...ready, ...installs, ...binds, ...walls, rotated];
  if (work.configure) addHook(draft, guest, 'configure', [...configured, ...fetches]);
  const configures = member.guests.map((g) => stepIds.hook(draft, 'configure', g));
  if (work.restart) {
    const again = { stop: stepIds.guest(draft, 'stop', guest), start: stepIds.guest(draft, 'start-again', guest) };
    const subject = guestName(draft, guest);
    addStep(draft, again.stop, { kind: 'guest.stop', guest: key }, subject, configures);
    addStep(draft, again.start, { kind: 'guest.start', guest: key }, subject, [again.stop]);
    addStep(draft, stepIds.guest(draft, 'ready-again', guest), { kind: 'guest.ready', guest: key }, subject, [
      again.start,
    ]);
  }
  // In another domain a provider is well again, and rid of the old one, when all it serves has its new name.
  const served = isRenamed(member)
    ? [...draft.bindings, ...draft.reprovided].filter((b) => b.provider === member).map((b) => stepIds.bind(draft, b))
    : [];
  const after = [...configured, ...configures, ...own('ready-again'), ...served];
  if (work.renameHook.length > 0) addHook(draft, guest, 'rename', after);
  if (work.check && hasHook(member, 'check')) {
    // Whoever carries data over may restart its service; nobody is looked at through it meanwhile.
    const around = isRenamed(member) ? [member, ...neighboursOf(draft, member)] : [member];
    const carried = around.flatMap((m) => m.guests.map((g) => stepIds.hook(draft, 'rename', g)));
    addHook(draft, guest, 'check', [...after, ...carried]);
  }
}

/** At the other ends of its relations. */
const neighboursOf = (draft: Draft, member: Member): readonly Member[] =>
  [...draft.bindings, ...draft.reprovided].flatMap((b) =>
    b.provider === member ? [b.consumer] : b.consumer === member ? [b.provider] : [],
  );

function fetchSteps(draft: Draft, member: Member): string[] {
  return Object.entries(member.manifest?.artifacts ?? {}).map(([name, artifact]) => {
    const id = stepIds.fetch(member, name);
    const step = {
      kind: 'artifact.fetch',
      module: member.module,
      artifact: name,
      url: artifact.url,
      sha256: artifact.sha256,
    } as const;
    addStep(draft, id, step, `${member.module} ${name}`, [], { sizeMiB: artifact.sizeMiB });
    return id;
  });
}

function provideStep(draft: Draft, binding: DraftBinding): void {
  const guest = hookGuest(binding);
  if (guest === undefined) {
    report(draft, 'error', {
      code: 'binding.unsatisfied',
      subject: `${binding.consumer.name}.${binding.requirement}`,
      message: `${binding.provider.name} has no guest on which ${binding.provided} could be provided.`,
      remedy: `Finish or remove ${binding.provider.stack}/${binding.provider.name} first.`,
    });
    return;
  }
  const { provider, consumer } = binding;
  const siblings = [...draft.bindings, ...draft.reprovided].filter((b) => b.consumer === consumer);
  const needed = referencedRequirements(binding.request).flatMap(
    (name) => siblings.find((b) => b.requirement === name) ?? [],
  );
  const after = [
    ...provider.guests.flatMap((g) => [
      stepIds.guest(draft, 'ready', g),
      stepIds.guest(draft, 'resize', g),
      stepIds.hook(draft, 'install', g),
      stepIds.hook(draft, 'configure', g),
      stepIds.guest(draft, 'ready-again', g),
      stepIds.guest(draft, 'ready-moved', g),
      stepIds.guest(draft, 'rename', g),
    ]),
    // Providers are told where the consumer's guests are, as recorded.
    ...consumer.guests.flatMap((g) => [stepIds.guest(draft, 'create', g), stepIds.guest(draft, 'rename', g)]),
    ...firewallsOf(draft, provider),
    ...(binding.rotate ? [rotateBinding(draft, binding)] : []),
    ...needed.map((b) => stepIds.bind(draft, b)),
  ];
  addStep(
    draft,
    stepIds.bind(draft, binding),
    { kind: 'binding.provide', binding: bindingPlan(binding), guest: guest.key, timeoutMs: DEFAULT_HOOK_TIMEOUT },
    bindingSubject(draft, binding),
    after,
  );
}

function rotateBinding(draft: Draft, binding: DraftBinding): string {
  const id = stepIds.rotate(draft, binding.consumer, binding.requirement);
  const names = Object.keys(binding.definition?.secrets ?? {}).sort();
  const of = { kind: 'binding', binding: binding.id, interface: binding.interface } as const;
  addStep(draft, id, { kind: 'secret.rotate', of, names }, bindingSubject(draft, binding), []);
  return id;
}

const firewallsOf = (draft: Draft, member: Member): string[] =>
  member.guests.map((g) => stepIds.guest(draft, 'firewall', g));
