import type { GuestId, StackId } from '../../../domain/ids.js';
import { Refusal } from '../../../domain/problem.js';
import type { Site } from '../../../domain/site/site.js';
import type { RecordedGuest } from '../../../domain/stack/stack.js';
import type { ArtifactStore } from '../../artifacts/artifact-store.port.js';
import type { Catalogue } from '../../catalogue/catalogue.port.js';
import type { CertificateAuthority } from '../../certificates/certificate-authority.port.js';
import type { GuestShell, GuestTarget, ShellContext } from '../../guests/guest-shell.port.js';
import type { PlanStore } from '../../plans/plan-store.port.js';
import type { SecretSource, SecretStore } from '../../secrets/secret-store.port.js';
import type { StackStore } from '../../stacks/stack-store.port.js';
import type { CallContext, OwnedGuest, Substrate, Substrates } from '../../substrates/substrate.port.js';
import type { StepContext } from '../executor.js';

/** What executors work with. */
export interface StepWorld {
  readonly stacks: StackStore;
  readonly plans: PlanStore;
  readonly substrates: Substrates;
  readonly shell: GuestShell;
  readonly secrets: SecretStore;
  readonly secretSource: SecretSource;
  readonly certificates: CertificateAuthority;
  readonly catalogue: Catalogue;
  readonly artifacts: ArtifactStore;
  /** OpenSSH public key that guests let in. */
  readonly sshPublicKey: string;
  readonly sha256: (text: string) => string;
}

/** A recorded guest with its place in the world. */
export interface KnownGuest {
  readonly recorded: RecordedGuest;
  readonly owned: OwnedGuest;
  readonly substrate: Substrate;
  readonly site: Site;
}

export async function siteOf(world: StepWorld, context: StepContext): Promise<Site> {
  const site = await world.stacks.getSite(context.site);
  if (!site) throw new Error(`site ${context.site} is not recorded`);
  return site;
}

/** Undefined when the guest is not (or no longer) recorded. */
export async function findGuest(world: StepWorld, key: string, context: StepContext): Promise<KnownGuest | undefined> {
  const recorded = await world.stacks.findGuest(context.site, key);
  if (!recorded) return undefined;
  const site = await siteOf(world, context);
  return {
    recorded,
    site,
    substrate: await world.substrates.get(site.name, recorded.substrate),
    owned: {
      guest: recorded.id,
      stamp: stampOf(recorded.id, recorded.stack, site.name),
      at: { vmid: recorded.vmid, node: recorded.node, kind: recorded.spec.kind },
    },
  };
}

export async function knownGuest(world: StepWorld, key: string, context: StepContext): Promise<KnownGuest> {
  const guest = await findGuest(world, key, context);
  if (guest) return guest;
  throw new Refusal({
    code: 'not_found',
    subject: `guest ${key}`,
    message: 'The guest is not recorded.',
    remedy: 'Make a new plan of the stack: it creates what is missing.',
  });
}

/** The stamp names the stack by its id: a stack may be renamed, and a name may be used again. */
export function stampOf(guest: GuestId, stack: StackId, site: string): { guest: GuestId; site: string; stack: string } {
  return { guest, site, stack };
}

export const targetOf = (guest: RecordedGuest): GuestTarget => ({
  guest: guest.id,
  address: guest.spec.network.address,
  port: 22,
  user: 'root',
  hostKeys: guest.hostKeys,
});

export const callContext = (context: StepContext): CallContext => ({
  signal: context.signal,
  deadline: context.deadline,
  fence: context.fence,
  waitingFor: context.waitingFor,
  log: (line) => context.log([{ at: context.now(), stream: 'note', text: line }]),
  taskStarted: context.taskStarted,
  ...(context.adopt ? { adopt: context.adopt } : {}),
});

export const shellContext = (context: StepContext, redact: readonly string[] = []): ShellContext => ({
  signal: context.signal,
  deadline: context.deadline,
  fence: context.fence,
  log: context.log,
  progress: context.progress,
  redact,
});
