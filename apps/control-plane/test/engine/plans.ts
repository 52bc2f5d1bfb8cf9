import type { PlanStore } from '../../src/application/plans/plan-store.port.js';
import type { StackStore } from '../../src/application/stacks/stack-store.port.js';
import type { GuestId, InstanceId, PlanId, StackId, StepId } from '../../src/domain/ids.js';
import type { Plan, PlannedStep } from '../../src/domain/plan/plan.js';
import type { AnyStep, InstanceRef } from '../../src/domain/plan/steps.js';
import type { Site } from '../../src/domain/site/site.js';
import type { GuestSpec } from '../../src/domain/stack/guest-spec.js';
import type { RecordedGuest, RecordedInstance, WantedStack } from '../../src/domain/stack/stack.js';

/** Small plans for engine tests: what the steps mean does not matter here, only their order and their kind. */
export interface StepSketch {
  readonly id: string;
  /** Default: `guest.ready`, which needs no limits. */
  readonly kind?: 'guest.create' | 'guest.start' | 'guest.ready' | 'guest.destroy' | 'hook.run';
  readonly after?: readonly string[];
  readonly deadlineMs?: number;
  readonly weightMs?: number;
  readonly layer?: number;
}

let serial = 0;
/** Unique in this process and among processes. */
export const fresh = (prefix: string): string => `${prefix}_${process.pid.toString(36)}x${(serial++).toString(36)}`;

export const site = (name: string): Site => ({
  name,
  domain: `${name}.test`,
  country: 'DE',
  locale: 'en_GB.UTF-8',
  timeZone: 'Europe/Berlin',
  adminEmail: `admin@${name}.test`,
  resolvers: [],
  substrates: {},
  zones: {},
  managementNetworks: [],
});

export const stack = (siteName: string, name: string): WantedStack => ({
  id: fresh('stk') as StackId,
  name,
  site: siteName,
  blueprint: { name: 'test', version: '1.0.0' },
  parameters: {},
  components: {},
  size: 'small',
  config: {},
  state: 'present',
});

export const guestSpec = (key: string, vmid = 100): GuestSpec => ({
  id: `gst_${key}` as GuestId,
  key,
  substrate: 'lab',
  node: 'lab1',
  vmid,
  kind: 'container',
  hostname: key.replaceAll('/', '-'),
  domain: 'demo.test',
  image: 'local:vztmpl/debian-12.tar.zst',
  storage: 'local',
  cpus: 1,
  memoryMiB: 256,
  diskGiB: 2,
  volumes: [],
  network: {
    zone: 'apps',
    bridge: 'vmbr1',
    address: '10.0.0.2',
    prefix: 24,
    gateway: '10.0.0.1',
    mac: '02:00:00:00:00:01',
  },
  nameservers: [],
  features: [],
});

export const instanceRef = (stackName: string, name = 'wiki'): InstanceRef => ({
  id: `ins_${stackName}_${name}` as InstanceId,
  stack: stackName,
  name,
  module: name,
  version: '1.0.0',
  appVersion: '1',
  moduleDigest: 'digest',
  config: {},
});

export const recordedInstance = (of: WantedStack, name = 'wiki'): RecordedInstance => ({
  id: instanceRef(of.name, name).id,
  stack: of.id,
  name,
  module: name,
  version: '1.0.0',
  appVersion: '1',
  moduleDigest: 'digest',
  config: {},
  installed: [],
  configured: {},
});

export const recordedGuest = (of: WantedStack, key: string): RecordedGuest => ({
  id: `gst_${key}` as GuestId,
  stack: of.id,
  instance: instanceRef(of.name).id,
  name: 'app',
  substrate: 'lab',
  node: 'lab1',
  vmid: 100,
  spec: guestSpec(key),
  hostKeys: [],
  createdAt: 1,
});

function stepOf(kind: NonNullable<StepSketch['kind']>, key: string, stackName: string): AnyStep {
  switch (kind) {
    case 'guest.create':
      return { kind, guest: guestSpec(key), instance: instanceRef(stackName) };
    case 'hook.run':
      return { kind, instance: instanceRef(stackName), guest: key, hook: 'install', timeoutMs: 60_000 };
    default:
      return { kind, guest: key };
  }
}

export function plan(of: WantedStack, steps: readonly StepSketch[], over: Partial<Plan> = {}): Plan {
  const planned = steps.map(
    ({ id, kind = 'guest.ready', after = [], deadlineMs = 60_000, weightMs = 1_000, layer = 0 }): PlannedStep => ({
      id: id as StepId,
      step: stepOf(kind, `${of.name}/${id}/app`, of.name),
      subject: id,
      label: id,
      after: after as readonly StepId[],
      weightMs,
      deadlineMs,
      layer,
    }),
  );
  return {
    id: fresh('pln') as PlanId,
    stack: of.id,
    stackName: of.name,
    site: of.site,
    operation: 'install',
    wanted: of,
    steps: planned,
    findings: [],
    blastRadius: [],
    estimate: { wallMs: 0, sumMs: 0, longestChain: [] },
    reservations: [],
    basis: {},
    hash: 'hash',
    createdAt: 1_700_000_000_000,
    ...over,
  };
}

/** Stores a site, a stack and a plan of it. */
export async function storedPlan(
  stores: { readonly stacks: StackStore; readonly plans: PlanStore },
  steps: readonly StepSketch[],
  over: Partial<Plan> = {},
): Promise<Plan> {
  const name = fresh('stack');
  const of = stack('demo', name);
  await stores.stacks.putSite(site('demo'));
  await stores.stacks.putStack(of);
  return stores.plans.makeAndPut('demo', Date.now() + 3_600_000, async () => plan(of, steps, over));
}
