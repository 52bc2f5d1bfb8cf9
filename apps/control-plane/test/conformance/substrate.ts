import type { CallContext, OwnedGuest, Substrate } from '../../src/application/substrates/substrate.port.js';
import type { GuestId } from '../../src/domain/ids.js';
import { type Failure, Refusal, WorldFailure } from '../../src/domain/problem.js';
import type { GuestSpec, OwnershipStamp } from '../../src/domain/stack/guest-spec.js';

/** A substrate to be tried, and a hand that does to it what people and other programs do behind our back. */
export interface SubstrateUnderTest {
  readonly substrate: Substrate;
  readonly node: string;
  /** Another node that containers can be moved to. */
  readonly otherNode: string;
  /** Storage for guests that can take snapshots. */
  readonly storage: string;
  /** A container image that is there. */
  readonly image: string;
  /** A template machine `template:N` on `node`, whose disk is smaller than 8 GiB. */
  readonly template: string;
  readonly bridge: string;
  /** First of 500 guest ids that nobody uses. */
  readonly firstId: number;
  readonly hand: {
    /** A guest that is not ours; running. */
    addStranger(vmid: number): Promise<void>;
    /** Destroys a guest without asking anybody. */
    remove(vmid: number): Promise<void>;
    setLock(vmid: number, lock: string | undefined): Promise<void>;
    move(vmid: number, node: string): Promise<void>;
    /** A clone as somebody makes it by hand: it copies notes and tags. */
    copy(vmid: number, to: number): Promise<void>;
    /** What is there at that id; its search domain as of its next start. */
    look(
      vmid: number,
    ): Promise<{ running: boolean; name: string; memoryMiB: number; searchDomain: string | undefined } | undefined>;
    /** The guest's firewall as it is in force. */
    firewall(vmid: number): Promise<{ closed: boolean; rules: readonly string[] }>;
    /** Adds an inbound rule that is not ours. */
    openPort(vmid: number, port: number): Promise<void>;
    /** A disk of that id which no guest names. */
    leaveDisk(vmid: number): Promise<void>;
    /** Volumes that exist for an id. */
    volumes(vmid: number): Promise<number>;
  };
  close(): Promise<void>;
}

/** Every substrate adapter passes these; what they say is what a step may rely on. */
export function substrateConformance(name: string, open: () => Promise<SubstrateUnderTest>, timeoutMs = 60_000): void {
  describe(`${name} as a substrate`, () => {
    let world: SubstrateUnderTest;
    let next = 0;
    beforeAll(async () => {
      world = await open();
      next = world.firstId;
    }, timeoutMs);
    afterAll(async () => world?.close(), timeoutMs);

    const it_ = (what: string, body: () => Promise<void>) => it(what, body, timeoutMs);
    const id = () => {
      next += 1;
      return next;
    };
    const given = (more: Partial<GuestSpec> = {}): { spec: GuestSpec; stamp: OwnershipStamp } => {
      const vmid = more.vmid ?? id();
      const guest = guestId(next);
      const spec = specOf(world, vmid, guest, next, more);
      return { spec, stamp: { guest, site: 'townhall', stack: 'office' } };
    };
    const create = async (made: { spec: GuestSpec; stamp: OwnershipStamp }, more: Partial<CallContext> = {}) => {
      const at = await world.substrate.createGuest(
        made.spec,
        made.stamp,
        ACCESS,
        { next: async () => id() },
        context(more),
      );
      return { guest: made.stamp.guest, stamp: made.stamp, at } satisfies OwnedGuest;
    };
    const find = (guest: GuestId) => world.substrate.findGuest(guest, context());

    it_('lets a guest rest over a restart of its node, and wakes it again', async () => {
      const owned = await create(given());
      const starts = async () => (await world.substrate.guestSettings(owned.guest, owned.at, context()))?.startsAtBoot;
      await world.substrate.setStartsAtBoot(owned, false, context());
      await world.substrate.setStartsAtBoot(owned, false, context());
      expect(await starts()).toBe(false);
      await world.substrate.setStartsAtBoot(owned, true, context());
      expect(await starts()).toBe(true);
    });

    it_('tells how one of our guests is set and whose it is', async () => {
      const made = given();
      const { guest, at } = await create(made);
      const { cpus, memoryMiB, diskGiB } = made.spec;
      const { bridge, mac, vlan } = made.spec.network;
      const settings = await world.substrate.guestSettings(guest, at, context());
      expect({ ...settings, mac: settings?.mac?.toUpperCase() }).toEqual({
        stamped: true,
        startsAtBoot: true,
        ...{ cpus, memoryMiB, diskGiB },
        bridge,
        ...(vlan === undefined ? {} : { vlan }),
        mac: mac.toUpperCase(),
      });
      const stranger = id();
      await world.hand.addStranger(stranger);
      expect(await world.substrate.guestSettings(guest, { ...at, vmid: stranger }, context())).toMatchObject({
        stamped: false,
      });
      expect(await world.substrate.guestSettings(guest, { ...at, vmid: id() }, context())).toBeUndefined();
    });

    it_('creates a guest that is stopped, sized as planned and found by its stamp', async () => {
      const made = given({
        cpus: 2,
        memoryMiB: 768,
        diskGiB: 3,
        volumes: [{ name: 'data', path: '/srv/data', sizeGiB: 5 }],
      });
      const owned = await create(made);
      expect(owned.at).toEqual({ vmid: made.spec.vmid, node: world.node, kind: 'container' });
      expect(await find(made.stamp.guest)).toMatchObject({
        ...owned.at,
        name: made.spec.hostname,
        status: 'stopped',
        stamp: made.stamp.guest,
        cpus: 2,
        memoryMiB: 768,
        diskGiB: 3,
        volumes: { '/srv/data': 5 },
      });
    });

    it_('tells how busy a running guest was, and nothing of one that never ran', async () => {
      const owned = await create(given({ memoryMiB: 512 }));
      expect(await world.substrate.figures(owned.at, 'hour', context())).toEqual([]);
      await world.substrate.startGuest(owned, context());
      const points = await world.substrate.figures(owned.at, 'hour', context());
      // A real one writes its first point after a minute.
      for (const { memoryMaxBytes } of points) expect(memoryMaxBytes).toBe(512 * 1024 ** 2);
    });

    it_('creates a guest once, however often and however parallel it is asked', async () => {
      const made = given();
      const [one, two] = await Promise.all([create(made), create(made)]);
      const three = await create(made);
      expect(two.at).toEqual(one.at);
      expect(three.at).toEqual(one.at);
      const observed = await world.substrate.observe(context());
      expect(observed.guests.filter((g) => g.stamp === made.stamp.guest)).toHaveLength(1);
    });

    it_('leaves an id to the stranger who took it, and takes the next one', async () => {
      const made = given();
      await world.hand.addStranger(made.spec.vmid);
      const before = await world.hand.look(made.spec.vmid);
      const owned = await create(made);
      expect(owned.at.vmid).not.toBe(made.spec.vmid);
      expect((await find(made.stamp.guest))?.vmid).toBe(owned.at.vmid);
      expect(await world.hand.look(made.spec.vmid)).toEqual(before);
      // A second call with the old plan finds the guest at its new id.
      expect((await create(made)).at).toEqual(owned.at);
    });

    it_('gives unique ids to guests that were all planned at the same id', async () => {
      const vmid = id();
      const all = Array.from({ length: 6 }, () => {
        id();
        return given({ vmid });
      });
      const created = await Promise.all(all.map((made) => create(made)));
      expect(new Set(created.map((c) => c.at.vmid)).size).toBe(6);
      for (const made of all) expect(await find(made.stamp.guest)).toBeDefined();
    });

    it_('knows nothing of a guest that was never created', async () => {
      expect(await find(guestId(999_999))).toBeUndefined();
    });

    it_('starts and stops a guest, also when it is so already', async () => {
      const owned = await create(given());
      await world.substrate.startGuest(owned, context());
      await world.substrate.startGuest(owned, context());
      expect((await find(owned.guest))?.status).toBe('running');
      await world.substrate.stopGuest(owned, 10_000, context());
      await world.substrate.stopGuest(owned, 0, context());
      expect((await find(owned.guest))?.status).toBe('stopped');
    });

    it_('destroys a running guest with its volumes, and again without complaint', async () => {
      const owned = await create(given({ volumes: [{ name: 'data', path: '/data', sizeGiB: 1 }] }));
      expect(await world.hand.volumes(owned.at.vmid)).toBe(2);
      await world.substrate.startGuest(owned, context());
      await world.substrate.destroyGuest(owned, context());
      expect(await world.hand.look(owned.at.vmid)).toBeUndefined();
      expect(await world.hand.volumes(owned.at.vmid)).toBe(0);
      expect(await find(owned.guest)).toBeUndefined();
      await world.substrate.destroyGuest(owned, context());
      await world.substrate.stopGuest(owned, 0, context());
    });

    it_('touches nothing when a stranger has the id of a guest that was deleted by hand', async () => {
      const owned = await create(given());
      await world.hand.remove(owned.at.vmid);
      await world.hand.addStranger(owned.at.vmid);
      const before = await world.hand.look(owned.at.vmid);
      const { substrate } = world;
      for (const act of [
        () => substrate.stopGuest(owned, 1000, context()),
        () => substrate.destroyGuest(owned, context()),
        () => substrate.startGuest(owned, context()),
        () => substrate.resizeGuest(owned, { cpus: 4, memoryMiB: 4096, reboot: true }, context()),
        () => substrate.growDisk(owned, 'root', 50, context()),
        () => substrate.moveGuest(owned, 'lab2', true, context()),
        () => substrate.setSearchDomain(owned, 'town.example', context()),
        () => substrate.setFirewall(owned, [], context()),
        () => substrate.snapshotGuest(owned, 'mine', context()),
        () => substrate.rollbackGuest(owned, 'mine', context()),
        () => substrate.removeSnapshot(owned, 'mine', context()),
        () => substrate.readHostKeys(owned, context()),
      ]) {
        expect(await refusal(act())).toBe('guest.not_ours');
      }
      expect(await world.hand.look(owned.at.vmid)).toEqual(before);
      expect((await world.hand.firewall(owned.at.vmid)).closed).toBe(false);
    });

    it_('refuses a guest whose stamp names another site or stack', async () => {
      const owned = await create(given());
      for (const other of [{ site: 'elsewhere' }, { stack: 'another' }]) {
        const wrong = { ...owned, stamp: { ...owned.stamp, ...other } };
        expect(await refusal(world.substrate.destroyGuest(wrong, context()))).toBe('guest.not_ours');
      }
      expect(await find(owned.guest)).toBeDefined();
    });

    it_('does not take a copy made by hand for the guest itself', async () => {
      const owned = await create(given());
      const copy = id();
      await world.hand.copy(owned.at.vmid, copy);
      expect((await find(owned.guest))?.vmid).toBe(owned.at.vmid);
      const observed = await world.substrate.observe(context());
      expect(observed.guests.filter((g) => g.stamp === owned.guest).map((g) => g.vmid)).toEqual([owned.at.vmid]);
      await world.substrate.destroyGuest(owned, context());
      expect(await world.hand.look(copy)).toBeDefined();
    });

    it_('finds a guest that was moved to another node, and works on it there', async () => {
      const owned = await create(given());
      await world.hand.move(owned.at.vmid, world.otherNode);
      expect((await find(owned.guest))?.node).toBe(world.otherNode);
      await world.substrate.startGuest(owned, context());
      expect((await world.hand.look(owned.at.vmid))?.running).toBe(true);
      await world.substrate.destroyGuest(owned, context());
      expect(await world.hand.look(owned.at.vmid)).toBeUndefined();
    });

    it_('waits for a lock that somebody else holds, says so, and goes on when it is gone', async () => {
      const owned = await create(given());
      await world.hand.setLock(owned.at.vmid, 'backup');
      const reasons: string[] = [];
      let started = false;
      const start = world.substrate
        .startGuest(owned, context({ waitingFor: (what) => reasons.push(what) }))
        .then(() => (started = true));
      await eventually(() => reasons.some((r) => r.includes('lock (backup)')));
      expect(started).toBe(false);
      await world.hand.setLock(owned.at.vmid, undefined);
      await start;
      expect((await find(owned.guest))?.status).toBe('running');
    });

    it_('never removes a lock: at the deadline it says what it waited for', async () => {
      const owned = await create(given());
      await world.hand.setLock(owned.at.vmid, 'backup');
      const failed = await failure(world.substrate.destroyGuest(owned, context({ deadline: Date.now() + 700 })));
      expect(failed.code).toBe('substrate.deadline');
      expect(failed.message).toContain('lock (backup)');
      expect((await find(owned.guest))?.lock).toBe('backup');
      await world.hand.setLock(owned.at.vmid, undefined);
    });

    it_('hears a cancellation while it waits', async () => {
      const owned = await create(given());
      await world.hand.setLock(owned.at.vmid, 'backup');
      const cancel = new AbortController();
      const reason = new Error('the run is being cancelled');
      const start = world.substrate.startGuest(
        owned,
        context({ signal: cancel.signal, waitingFor: () => cancel.abort(reason) }),
      );
      await expect(start).rejects.toBe(reason);
      await world.hand.setLock(owned.at.vmid, undefined);
      expect((await find(owned.guest))?.status).toBe('stopped');
    });

    it_('does nothing more once its holder has lost the lease', async () => {
      const made = given();
      const lost = new Error('lease lost');
      const fence = async () => {
        throw lost;
      };
      await expect(create(made, { fence })).rejects.toBe(lost);
      expect(await world.hand.look(made.spec.vmid)).toBeUndefined();
    });

    it_('tells the task’s id before it waits, and takes a finished one over', async () => {
      const made = given();
      const tasks: string[] = [];
      const owned = await create(made, { taskStarted: async (task) => void tasks.push(task) });
      expect(tasks).toHaveLength(1);
      expect((await create(made, { adopt: tasks[0]! })).at).toEqual(owned.at);
      await world.substrate.abortTask(tasks[0]!, context());
    });

    it_('resizes a guest', async () => {
      const owned = await create(given());
      await world.substrate.startGuest(owned, context());
      await world.substrate.resizeGuest(owned, { cpus: 2, memoryMiB: 640, reboot: false }, context());
      await world.substrate.resizeGuest(owned, { cpus: 2, memoryMiB: 640, reboot: false }, context());
      expect(await find(owned.guest)).toMatchObject({ cpus: 2, memoryMiB: 640, status: 'running' });
    });

    it_('grows root disk and volumes three times, and refuses to shrink them', async () => {
      const owned = await create(given({ diskGiB: 2, volumes: [{ name: 'data', path: '/data', sizeGiB: 2 }] }));
      for (const size of [3, 4, 5, 5]) {
        await world.substrate.growDisk(owned, 'root', size, context());
        await world.substrate.growDisk(owned, { path: '/data' }, size + 1, context());
      }
      expect(await find(owned.guest)).toMatchObject({ diskGiB: 5, volumes: { '/data': 6 } });
      expect(await refusal(world.substrate.growDisk(owned, 'root', 4, context()))).toBe('change.unsupported');
      const nowhere = await failure(world.substrate.growDisk(owned, { path: '/nowhere' }, 9, context()));
      expect(nowhere.code).toBe('guest.disk_missing');
    });

    it_(
      'moves a running container and a running machine to another node, where they run on; twice is once',
      async () => {
        const container = given({ volumes: [{ name: 'data', path: '/data', sizeGiB: 1 }] });
        const machine = given({ kind: 'vm', image: world.template, diskGiB: 8 });
        for (const made of [container, machine]) {
          const owned = await create(made);
          const from = owned.at.node;
          const to = world.otherNode;
          await world.substrate.startGuest(owned, context());
          for (const again of [1, 2]) {
            const at = await world.substrate.moveGuest(owned, to, true, context());
            expect({ ...at, again }).toMatchObject({ vmid: owned.at.vmid, node: to });
          }
          expect(await find(owned.guest)).toMatchObject({ node: to, status: 'running' });
          // The last known place is the old one: the guest is found where it is now.
          await world.substrate.moveGuest(owned, from, true, context());
          expect(await find(owned.guest)).toMatchObject({ node: from, status: 'running' });
          await world.substrate.stopGuest(owned, 0, context());
          await world.substrate.moveGuest(owned, to, false, context());
          expect(await find(owned.guest)).toMatchObject({ node: to, status: 'stopped' });
          await world.substrate.destroyGuest(owned, context());
        }
      },
    );

    it_(
      'gives a container and a machine another domain, while they run and while they do not; twice is once',
      async () => {
        for (const made of [given(), given({ kind: 'vm', image: world.template, diskGiB: 8 })]) {
          const owned = await create(made);
          expect((await world.hand.look(owned.at.vmid))?.searchDomain).toBe(made.spec.domain);
          for (const domain of ['town.example', 'village.example', 'village.example']) {
            await world.substrate.setSearchDomain(owned, domain, context());
            expect((await world.hand.look(owned.at.vmid))?.searchDomain).toBe(domain);
            await world.substrate.startGuest(owned, context());
          }
          expect((await find(owned.guest))?.status).toBe('running');
        }
      },
    );

    it_('makes the firewall exactly what is asked: closed, with these rules and no others', async () => {
      const owned = await create(given());
      await world.hand.openPort(owned.at.vmid, 2323);
      const web = { protocol: 'tcp', port: 443, source: '10.0.0.0/8', comment: 'http-route of wiki' } as const;
      const ssh = { protocol: 'tcp', port: 22, comment: 'management' } as const;
      const dns = { protocol: 'udp', port: 53, comment: 'names' } as const;
      await world.substrate.setFirewall(owned, [web, ssh], context());
      expect(await world.hand.firewall(owned.at.vmid)).toEqual({
        closed: true,
        rules: ['tcp 22 from anywhere', 'tcp 443 from 10.0.0.0/8'],
      });
      await world.substrate.setFirewall(owned, [ssh, dns], context());
      await world.substrate.setFirewall(owned, [dns, ssh], context());
      expect((await world.hand.firewall(owned.at.vmid)).rules).toEqual([
        'tcp 22 from anywhere',
        'udp 53 from anywhere',
      ]);
      await world.substrate.setFirewall(owned, [], context());
      expect(await world.hand.firewall(owned.at.vmid)).toEqual({ closed: true, rules: [] });
    });

    it_('takes a snapshot, rolls back to it and drops it, each also when asked twice', async () => {
      const owned = await create(given({ memoryMiB: 512 }));
      await world.substrate.snapshotGuest(owned, 'before', context());
      await world.substrate.snapshotGuest(owned, 'before', context());
      await world.substrate.resizeGuest(owned, { cpus: 1, memoryMiB: 1024, reboot: false }, context());
      await world.substrate.rollbackGuest(owned, 'before', context());
      expect((await find(owned.guest))?.memoryMiB).toBe(512);
      await world.substrate.removeSnapshot(owned, 'before', context());
      await world.substrate.removeSnapshot(owned, 'before', context());
      const gone = await failure(world.substrate.rollbackGuest(owned, 'before', context()));
      expect(gone.code).toBe('guest.snapshot_missing');
    });

    it_('observes nodes, storages, images, our guests with their stamp and strangers without', async () => {
      const owned = await create(given());
      const stranger = id();
      await world.hand.addStranger(stranger);
      const observed = await world.substrate.observe(context());
      expect(observed.nodes.map((n) => n.name)).toEqual(expect.arrayContaining([world.node, world.otherNode]));
      expect(observed.nodes.every((n) => n.online && n.memoryMiB > 0 && n.cpus > 0)).toBe(true);
      expect(observed.storages.some((s) => s.name === world.storage && s.freeGiB > 0)).toBe(true);
      expect(observed.images).toContainEqual({ node: world.node, volume: world.image });
      expect(observed.images).toContainEqual({ node: world.node, volume: world.template });
      expect(observed.guests.find((g) => g.vmid === owned.at.vmid)?.stamp).toBe(owned.guest);
      const theirs = observed.guests.find((g) => g.vmid === stranger);
      expect(theirs).toBeDefined();
      expect(theirs?.stamp).toBeUndefined();
    });

    it_('reads the host keys of running guests out of band', async () => {
      for (const made of [given(), given({ kind: 'vm', image: world.template, diskGiB: 8 })]) {
        const owned = await create(made);
        await world.substrate.startGuest(owned, context());
        const keys = await world.substrate.readHostKeys(owned, context());
        expect(keys.length).toBeGreaterThan(0);
        for (const key of keys) expect(key).toMatch(/^(ssh|ecdsa)-\S+ [A-Za-z0-9+/=]+$/);
      }
    });

    it_('is content with an image that is there, and refuses one that is nowhere', async () => {
      await world.substrate.ensureImage({ node: world.node, volume: world.image }, context());
      await world.substrate.ensureImage({ node: world.node, volume: world.template }, context());
      const absent = { node: world.node, volume: `${world.image}.other` };
      expect(await refusal(world.substrate.ensureImage(absent, context()))).toBe('artifact.missing');
    });

    it_('creates a machine from a template, once, with its disk grown and its stamp', async () => {
      const made = given({ kind: 'vm', image: world.template, diskGiB: 8, memoryMiB: 1024, cpus: 2 });
      const owned = await create(made);
      expect(owned.at.kind).toBe('vm');
      expect((await create(made)).at).toEqual(owned.at);
      expect(await find(owned.guest)).toMatchObject({
        kind: 'vm',
        diskGiB: 8,
        memoryMiB: 1024,
        cpus: 2,
        status: 'stopped',
      });
      await world.substrate.startGuest(owned, context());
      await world.substrate.destroyGuest(owned, context());
      expect(await world.hand.look(owned.at.vmid)).toBeUndefined();
    });

    it_('says before it begins what it cannot do', async () => {
      const volumes = [{ name: 'data', path: '/data', sizeGiB: 1 }];
      const machine = given({ kind: 'vm', image: world.template, volumes });
      expect(await refusal(create(machine))).toBe('change.unsupported');
      const gpu = given({ features: ['gpu'] });
      expect(await refusal(create(gpu))).toBe('change.unsupported');
      expect(await world.hand.look(gpu.spec.vmid)).toBeUndefined();
    });

    it_('finds nothing missing where nothing is', async () => {
      const findings = await world.substrate.doctor(context());
      expect(findings.filter((f) => f.severity === 'error')).toEqual([]);
      expect(findings.length).toBeGreaterThan(5);
    });
  });
}

export const ACCESS = {
  sshPublicKey:
    'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKBsjN3qvI7pX7Ict9s9Z0VfpScPG4SiDLPaATg3za/b bastide@control-plane',
};

/** A ULID-shaped id from a number. */
export const guestId = (n: number) => `gst_01JD${String(n).padStart(22, '0')}` as GuestId;

export function specOf(
  world: SubstrateUnderTest,
  vmid: number,
  guest: GuestId,
  n: number,
  more: Partial<GuestSpec>,
): GuestSpec {
  const hex = (byte: number) => (byte & 255).toString(16).toUpperCase().padStart(2, '0');
  return {
    id: guest,
    key: `office/wiki/app${n}`,
    substrate: 'here',
    node: world.node,
    vmid,
    kind: 'container',
    hostname: `wiki-app-${n}`,
    domain: 'example.org',
    image: world.image,
    storage: world.storage,
    cpus: 1,
    memoryMiB: 512,
    diskGiB: 2,
    volumes: [],
    network: {
      zone: 'apps',
      bridge: world.bridge,
      address: `10.210.${(n >> 8) & 255}.${n & 255}`,
      prefix: 16,
      gateway: '10.210.0.1',
      mac: `BC:24:11:00:${hex(n >> 8)}:${hex(n)}`,
    },
    nameservers: ['10.210.0.1'],
    features: [],
    ...more,
  };
}

export function context(more: Partial<CallContext> = {}): CallContext {
  return {
    signal: new AbortController().signal,
    deadline: Date.now() + 45_000,
    fence: async () => undefined,
    ...more,
  };
}

export async function refusal(outcome: Promise<unknown>): Promise<string> {
  const error = await outcome.then(
    () => new Error('it was done'),
    (e: unknown) => e,
  );
  if (error instanceof Refusal) return error.problem.code;
  throw error;
}

export async function failure(outcome: Promise<unknown>): Promise<Failure> {
  const error = await outcome.then(
    () => new Error('it was done'),
    (e: unknown) => e,
  );
  if (error instanceof WorldFailure) return error.failure;
  throw error;
}

async function eventually(holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 15_000; !holds(); ) {
    if (Date.now() > end) throw new Error('it did not happen within 15 s');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
