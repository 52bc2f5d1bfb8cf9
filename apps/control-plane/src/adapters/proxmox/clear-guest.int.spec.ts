import { type LabSubstrate, openLab } from '../../../test/conformance/lab-substrate.js';
import { ACCESS, context, failure, guestId, specOf } from '../../../test/conformance/substrate.js';
import type { CallContext, UnfinishedGuest } from '../../application/substrates/substrate.port.js';
import type { Refusal } from '../../domain/problem.js';
import type { GuestSpec } from '../../domain/stack/guest-spec.js';

const MS = 90_000;

/** What Proxmox VE alone can do to a creation. */
describe('a creation that the cluster cut off', () => {
  let lab: LabSubstrate;
  let next = 0;
  beforeAll(async () => {
    lab = await openLab({ latencies: { '*': 20 } });
    next = lab.firstId;
  }, MS);
  afterEach(async () => lab.fault(undefined));
  afterAll(async () => lab?.close(), MS);

  const given = (more: Partial<GuestSpec> = {}) => {
    next += 1;
    const guest = guestId(next);
    return { spec: specOf(lab, next, guest, next, more), stamp: { guest, site: 'townhall', stack: 'office' } };
  };
  type Made = ReturnType<typeof given>;
  /** A worker that dies as soon as the task runs; `asked`: the ids that it stored before. */
  const cutOff = async (made: Made): Promise<UnfinishedGuest> => {
    const vmids: number[] = [];
    const dies = new AbortController();
    const dead: Partial<CallContext> = {
      signal: dies.signal,
      asking: async (vmid) => void vmids.push(vmid),
      taskStarted: async () => dies.abort(new Error('killed')),
    };
    const ids = { next: async () => (next += 1) };
    await expect(lab.substrate.createGuest(made.spec, made.stamp, ACCESS, ids, context(dead))).rejects.toThrow(
      'killed',
    );
    const { node, kind, storage } = made.spec;
    return { stamp: made.stamp, node, kind, storage, vmids };
  };
  const nothingAt = async (vmids: readonly number[]) => {
    expect(vmids).not.toEqual([]);
    for (const vmid of vmids) {
      expect(await lab.hand.look(vmid)).toBeUndefined();
      expect(await lab.hand.volumes(vmid)).toBe(0);
    }
  };
  const refused = (outcome: Promise<unknown>) =>
    outcome.then(
      () => undefined,
      (error: unknown) => (error as Refusal).problem,
    );

  for (const [what, task, more] of [
    ['container', 'vzcreate', {}],
    ['machine', 'qmclone', { kind: 'vm', diskGiB: 8 }],
  ] as const) {
    it(
      `and that still runs is waited for: then the ${what} goes with its disks`,
      async () => {
        await lab.fault({ effect: 'task-slow', task, seconds: 2, times: 0 });
        const left = await cutOff(given({ ...more, ...(task === 'qmclone' ? { image: lab.template } : {}) }));
        const waits: string[] = [];
        await lab.substrate.clearGuest(left, context({ waitingFor: (why) => waits.push(why) }));
        expect(waits.join()).toMatch(/creation of guest|clones under way/);
        await nothingAt(left.vmids);
      },
      MS,
    );

    it(
      `and that fails by itself leaves no ${what}`,
      async () => {
        await lab.fault({ effect: 'storage-full', storage: lab.storage });
        const left = await cutOff(given({ ...more, ...(task === 'qmclone' ? { image: lab.template } : {}) }));
        await lab.substrate.clearGuest(left, context());
        await nothingAt(left.vmids);
      },
      MS,
    );

    it(
      `and that died with its node leaves a locked ${what}, which is named until root has removed it`,
      async () => {
        await lab.fault({ effect: 'task-fail', task, message: 'killed' });
        const left = await cutOff(given({ ...more, ...(task === 'qmclone' ? { image: lab.template } : {}) }));
        const [vmid] = left.vmids as [number];
        const tool = task === 'qmclone' ? 'qm' : 'pct';
        const problem = await refused(lab.substrate.clearGuest(left, context()));
        expect(problem).toMatchObject({
          code: 'guest.unfinished',
          remedy: expect.stringContaining(`${tool} unlock ${vmid} && ${tool} destroy ${vmid}`),
        });
        // Unlocked alone, it is still nobody's, and still ours to tell of.
        await lab.hand.setLock(vmid, undefined);
        expect(await refused(lab.substrate.clearGuest(left, context()))).toEqual(problem);
        await lab.hand.remove(vmid);
        await lab.substrate.clearGuest(left, context());
        await nothingAt(left.vmids);
      },
      MS,
    );
  }

  it.each([
    ['container', 'vzcreate', 4],
    ['machine', 'qmclone', 1],
  ] as const)(
    'is told of when it is asked for, and not before it waits for its turn (%s)',
    async (kind, task, width) => {
      await lab.fault({ effect: 'task-slow', task, seconds: 2, times: 0 });
      const more = kind === 'machine' ? { kind: 'vm' as const, diskGiB: 8, image: lab.template } : {};
      const create = ({ spec, stamp }: Made, over: Partial<CallContext>) =>
        lab.substrate.createGuest(spec, stamp, ACCESS, { next: async () => (next += 1) }, context(over));
      const ends: Promise<unknown>[] = [];
      for (let first = 0; first < width; first += 1) {
        await new Promise<void>((resolve) => {
          ends.push(create(given(more), { taskStarted: async () => resolve() }));
        });
      }
      const told: string[] = [];
      await create(given(more), {
        waitingFor: (what) => void (what.startsWith('a turn') && told.push('waits')),
        asking: async () => void told.push('asks'),
      });
      await Promise.all(ends);
      expect(told).toEqual(['waits', 'asks']);
    },
    MS,
  );

  it(
    'whose answer got lost is found all the same',
    async () => {
      await lab.fault({ effect: 'drop-after', method: 'POST', path: '/nodes/*/lxc' });
      const made = given();
      const ids = { next: async () => (next += 1) };
      const { node, kind, storage, vmid } = made.spec;
      expect((await failure(lab.substrate.createGuest(made.spec, made.stamp, ACCESS, ids, context()))).code).toBe(
        'substrate.unreachable',
      );
      await lab.substrate.clearGuest({ stamp: made.stamp, node, kind, storage, vmids: [vmid] }, context());
      await nothingAt([vmid]);
    },
    MS,
  );

  it(
    'whose request may still be under way is not looked for too early',
    async () => {
      const made = given();
      const { node, kind, storage, vmid } = made.spec;
      const waits: string[] = [];
      const askedAt = Date.now() - 29_000;
      await lab.substrate.clearGuest(
        { stamp: made.stamp, node, kind, storage, vmids: [vmid], askedAt },
        context({ waitingFor: (why) => waits.push(why) }),
      );
      expect(waits).toEqual([expect.stringContaining(`the request for guest ${vmid}`)]);
      expect(Date.now() - askedAt).toBeGreaterThanOrEqual(30_000);
    },
    MS,
  );

  it(
    'and left without a stamp is named with the commands that remove it, and nothing is touched',
    async () => {
      const left = await cutOff(given());
      const [vmid] = left.vmids as [number];
      await lab.wait((await lab.root.cluster.tasks.$get()).find(({ id }) => id === String(vmid))?.upid);
      const guest = lab.root.nodes.$(left.node).lxc.$(vmid);
      await guest.config.$put({ delete: 'description,tags' } as never);
      await lab.hand.setLock(vmid, 'create');
      const problem = await refused(lab.substrate.clearGuest(left, context()));
      expect(problem).toMatchObject({
        code: 'guest.unfinished',
        subject: `guest ${vmid} on ${left.node}`,
        remedy: expect.stringContaining(`pct unlock ${vmid} && pct destroy ${vmid}`),
      });
      expect(await lab.hand.look(vmid)).toBeDefined();
      await lab.hand.setLock(vmid, undefined);
      await lab.hand.remove(vmid);
      await lab.substrate.clearGuest(left, context());
      await nothingAt(left.vmids);
    },
    MS,
  );

  it(
    'and left disks without a guest: they are named, or removed where the token may do that',
    async () => {
      const made = given();
      const { node, kind, storage, vmid } = made.spec;
      const left = { stamp: made.stamp, node, kind, storage, vmids: [vmid] };
      await lab.hand.leaveDisk(vmid);
      expect(await refused(lab.substrate.clearGuest(left, context()))).toMatchObject({
        code: 'guest.unfinished',
        remedy: expect.stringContaining(`pvesm free ${storage}:vm-${vmid}-disk-7`),
      });
      expect(await lab.hand.volumes(vmid)).toBe(1);
      const more = { path: `/storage/${storage}`, roles: 'PVEDatastoreAdmin' };
      await lab.root.access.acl.$put({ ...more, users: 'bastide@pve', tokens: 'bastide@pve!cp' } as never);
      await lab.substrate.clearGuest(left, context());
      await nothingAt([vmid]);
    },
    MS,
  );

  it(
    'is not mixed up with what somebody else is making at that id',
    async () => {
      const made = given();
      const { node, kind, storage, vmid } = made.spec;
      await lab.hand.addStranger(vmid);
      await lab.hand.setLock(vmid, 'create');
      const before = await lab.hand.look(vmid);
      await lab.substrate.clearGuest({ stamp: made.stamp, node, kind, storage, vmids: [vmid] }, context());
      expect(await lab.hand.look(vmid)).toEqual(before);
      await lab.hand.setLock(vmid, undefined);
    },
    MS,
  );

  it(
    'on a node that does not answer is not taken for gone',
    async () => {
      const left = await cutOff(given({ node: 'lab2' }));
      await lab.fault({ effect: 'node-down', node: 'lab2' });
      expect(await failure(lab.substrate.clearGuest(left, context()))).toMatchObject({
        code: 'substrate.node_down',
        retryable: 'later',
      });
      await lab.fault(undefined);
      await lab.substrate.clearGuest(left, context());
      await nothingAt(left.vmids);
    },
    MS,
  );
});
