import { type LabSubstrate, openLab } from '../../../test/conformance/lab-substrate.js';
import { ShellRuntime } from '../../../test/conformance/shell-runtime.js';
import { ACCESS, context, failure, guestId, refusal, specOf } from '../../../test/conformance/substrate.js';
import type { CallContext, OwnedGuest, Substrate } from '../../application/substrates/substrate.port.js';
import type { GuestSpec } from '../../domain/stack/guest-spec.js';

const MS = 60_000;

describe('what breaks in production', () => {
  let lab: LabSubstrate;
  let next = 0;
  beforeAll(async () => {
    lab = await openLab({ latencies: { '*': 20 } });
    next = lab.firstId;
  }, MS);
  afterEach(async () => lab.fault(undefined));
  afterAll(async () => lab?.close(), MS);

  const id = () => {
    next += 1;
    return next;
  };
  const given = (more: Partial<GuestSpec> = {}) => {
    const vmid = more.vmid ?? id();
    const guest = guestId(id());
    return { spec: specOf(lab, vmid, guest, next, more), stamp: { guest, site: 'townhall', stack: 'office' } };
  };
  const create = async (
    made: ReturnType<typeof given>,
    more: Partial<CallContext> = {},
    substrate: Substrate = lab.substrate,
  ): Promise<OwnedGuest> => {
    const at = await substrate.createGuest(made.spec, made.stamp, ACCESS, { next: async () => id() }, context(more));
    return { guest: made.stamp.guest, stamp: made.stamp, at };
  };
  const ours = async (made: ReturnType<typeof given>) =>
    (await lab.substrate.observe(context())).guests.filter((g) => g.stamp === made.stamp.guest);

  it(
    'twenty installs at once on one storage all succeed',
    async () => {
      const all = Array.from({ length: 20 }, (_, n) =>
        n % 2 === 0 ? given() : given({ kind: 'vm', image: lab.template, diskGiB: 8 }),
      );
      const made = await Promise.all(all.map((one) => create(one)));
      expect(new Set(made.map((m) => m.at.vmid)).size).toBe(20);
    },
    MS,
  );

  it(
    'fifty creations from two control planes at the same planned ids get ids of their own',
    async () => {
      const other = lab.another();
      const planned = Array.from({ length: 25 }, () => id());
      const twice = planned.flatMap((vmid) => [create(given({ vmid })), create(given({ vmid }), {}, other)]);
      const made = await Promise.all(twice);
      expect(new Set(made.map((m) => m.at.vmid)).size).toBe(50);
      expect(new Set(made.map((m) => m.guest)).size).toBe(50);
    },
    MS,
  );

  it(
    'a worker that takes over adopts the running creation: one guest, one stamp',
    async () => {
      await lab.fault({ effect: 'task-slow', task: 'vzcreate', seconds: 2 });
      const made = given();
      const first = new AbortController();
      let task = '';
      const lost = create(made, {
        signal: first.signal,
        taskStarted: async (started) => {
          task = started;
          first.abort(new Error('worker frozen'));
        },
      });
      await expect(lost).rejects.toThrow('worker frozen');
      const second = await create(made, { adopt: task }, lab.another());
      expect((await ours(made)).map((g) => g.vmid)).toEqual([second.at.vmid]);
      expect(second.at.vmid).toBe(made.spec.vmid);
    },
    MS,
  );

  it(
    'a worker that takes over without knowing the task waits for it all the same',
    async () => {
      await lab.fault({ effect: 'task-slow', task: 'vzcreate', seconds: 2 });
      const made = given();
      const first = new AbortController();
      const lost = create(made, { signal: first.signal, taskStarted: async () => first.abort(new Error('killed')) });
      await expect(lost).rejects.toThrow('killed');
      const second = await create(made, {}, lab.another());
      expect(second.at.vmid).toBe(made.spec.vmid);
      expect(await ours(made)).toHaveLength(1);
    },
    MS,
  );

  it(
    'a creation that fails half-way is made anew by the next attempt',
    async () => {
      await lab.fault({ effect: 'task-fail', task: 'vzcreate', message: 'unable to create CT - tar: unexpected end' });
      const made = given();
      expect((await failure(create(made))).message).toContain('unexpected end');
      expect((await create(made)).at.vmid).toBeGreaterThan(0);
      expect(await ours(made)).toHaveLength(1);
    },
    MS,
  );

  it(
    'an aborted task ends, and the step can be done again',
    async () => {
      await lab.fault({ effect: 'task-hang', task: 'vzcreate' });
      const made = given();
      const cancel = new AbortController();
      let task = '';
      const cancelled = create(made, {
        signal: cancel.signal,
        taskStarted: async (started) => {
          task = started;
          cancel.abort(new Error('cancelled'));
        },
      });
      await expect(cancelled).rejects.toThrow('cancelled');
      await lab.substrate.abortTask(task, context());
      await lab.substrate.abortTask(task, context());
      // The abort may have come before the task got to its fault.
      await lab.fault(undefined);
      await create(made);
      expect(await ours(made)).toHaveLength(1);
    },
    MS,
  );

  it(
    'warnings of a creation are no failure, those of a snapshot are',
    async () => {
      await lab.fault({ effect: 'task-warn', task: 'vzcreate' });
      const owned = await create(given());
      await lab.fault({ effect: 'task-warn', task: 'vzsnapshot' });
      const warned = await failure(lab.substrate.snapshotGuest(owned, 'one', context()));
      expect(warned.code).toBe('substrate.task_warned');
    },
    MS,
  );

  it(
    'a lost quorum parks an installation with its reason; nothing is half-created, and it resumes',
    async () => {
      const made = given();
      await lab.fault({ effect: 'quorum-lost' });
      expect(await failure(create(made))).toMatchObject({ code: 'substrate.no_quorum', retryable: 'later' });
      await lab.fault(undefined);
      expect(await lab.hand.look(made.spec.vmid)).toBeUndefined();
      await create(made);
      expect(await ours(made)).toHaveLength(1);
    },
    MS,
  );

  it(
    'a full storage is named as the reason, and there is nothing left of the attempt',
    async () => {
      const made = given();
      await lab.fault({ effect: 'storage-full', storage: lab.storage });
      expect(await failure(create(made))).toMatchObject({ code: 'substrate.storage_full', retryable: 'later' });
      await lab.fault(undefined);
      expect(await lab.hand.volumes(made.spec.vmid)).toBe(0);
      await create(made);
    },
    MS,
  );

  it(
    'a dead node is told from a live one: its calls fail for later, the others go on',
    async () => {
      await lab.fault({ effect: 'node-down', node: 'lab2' });
      expect(await failure(create(given({ node: 'lab2' })))).toMatchObject({
        code: 'substrate.node_down',
        retryable: 'later',
      });
      const observed = await lab.substrate.observe(context());
      expect(observed.nodes.map((n) => [n.name, n.online])).toEqual(
        expect.arrayContaining([
          ['lab1', true],
          ['lab2', false],
        ]),
      );
      await create(given());
    },
    MS,
  );

  it(
    'an answer that got lost does not make a second guest',
    async () => {
      await lab.fault({ effect: 'drop-after', method: 'POST', path: '/nodes/*/lxc' });
      const made = given();
      expect((await failure(create(made))).code).toBe('substrate.unreachable');
      const again = await create(made);
      expect((await ours(made)).map((g) => g.vmid)).toEqual([again.at.vmid]);
    },
    MS,
  );

  it(
    'a machine without a guest agent gets its verdict before the deadline, with the remedy',
    async () => {
      const owned = await create(given({ kind: 'vm', image: lab.template, diskGiB: 8 }));
      await lab.substrate.startGuest(owned, context());
      await lab.fault({ effect: 'agent-absent', vmid: owned.at.vmid });
      const verdict = await failure(lab.substrate.readHostKeys(owned, context({ deadline: Date.now() + 3000 })));
      expect(verdict).toMatchObject({ code: 'guest.agent_missing', hint: expect.stringContaining('qemu-guest-agent') });
    },
    MS,
  );

  it(
    'a token that lacks a right: the doctor names right, path and the one command',
    async () => {
      const acl = {
        path: `/storage/${lab.storage}`,
        roles: 'BastideOrchestrator',
        users: 'bastide@pve',
        tokens: 'bastide@pve!cp',
      };
      await lab.root.access.acl.$put({ ...acl, delete: true } as never);
      const missing = (await lab.substrate.doctor(context())).filter((f) => f.code === 'permission.missing');
      expect(missing).toHaveLength(1);
      expect(missing[0]).toMatchObject({ severity: 'error', subject: `/storage/${lab.storage}` });
      expect(missing[0]?.message).toContain('Datastore.AllocateSpace');
      expect(missing[0]?.remedy).toMatch(/pveum role add BastideOrchestrator .*pveum acl modify/);
      expect(await refusal(create(given()))).toBe('permission.missing');
      await lab.root.access.acl.$put(acl as never);
      await create(given());
    },
    MS,
  );

  it(
    'the doctor says that guest rules have no effect while the data centre’s firewall is off, and what else is wrong',
    async () => {
      await lab.root.cluster.firewall.options.$put({ enable: 0 } as never);
      const off = (await lab.substrate.doctor(context())).find((f) => f.code === 'firewall.off');
      expect(off).toMatchObject({ severity: 'warning', remedy: expect.stringContaining('--enable 1') });
      await lab.root.cluster.firewall.options.$put({ enable: 1 } as never);
      const findings = await lab.substrate.doctor(context());
      expect(findings.map((f) => f.code)).not.toContain('firewall.off');
    },
    MS,
  );

  it(
    'a renewed certificate is refused with both fingerprints until it is confirmed',
    async () => {
      const before = lab.lab.fingerprint;
      await lab.fault({ effect: 'certificate' });
      const fresh = lab.another();
      const refused = await fresh.observe(context()).catch((e: unknown) => e);
      expect(refused).toMatchObject({
        problem: { code: 'certificate.foreign', details: { expected: before, found: lab.lab.fingerprint } },
      });
      expect(lab.lab.fingerprint).not.toBe(before);
    },
    MS,
  );
});

describe('host keys through a console', () => {
  const KEYS = [
    'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKBsjN3qvI7pX7Ict9s9Z0VfpScPG4SiDLPaATg3za/b',
    `ssh-rsa ${Buffer.concat([Buffer.from('\0\0\0\x07ssh-rsa'), Buffer.alloc(270, 7)]).toString('base64')}`,
  ];

  it(
    'come out whole of a real shell with line editing on a terminal',
    async () => {
      const lab = await openLab({ runtime: new ShellRuntime(KEYS.map((key) => `${key} root@ct\n`).join('')) });
      try {
        const guest = guestId(1);
        const stamp = { guest, site: 'townhall', stack: 'office' };
        const spec = specOf(lab, 1001, guest, 1, {});
        const at = await lab.substrate.createGuest(spec, stamp, ACCESS, { next: async () => 1002 }, context());
        await lab.substrate.startGuest({ guest, stamp, at }, context());
        expect(await lab.substrate.readHostKeys({ guest, stamp, at }, context())).toEqual(KEYS);
      } finally {
        await lab.close();
      }
    },
    MS,
  );
});
