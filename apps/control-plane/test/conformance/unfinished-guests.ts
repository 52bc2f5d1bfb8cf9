import type { CallContext, UnfinishedGuest } from '../../src/application/substrates/substrate.port.js';
import type { GuestId } from '../../src/domain/ids.js';
import type { Refusal } from '../../src/domain/problem.js';
import type { GuestSpec, OwnershipStamp } from '../../src/domain/stack/guest-spec.js';
import { ACCESS, context, guestId, refusal, type SubstrateUnderTest, specOf } from './substrate.js';

/** Every substrate adapter passes these: what a creation may leave behind, and what taking it back may rely on. */
export function unfinishedGuestConformance(
  name: string,
  open: () => Promise<SubstrateUnderTest>,
  timeoutMs = 60_000,
): void {
  describe(`${name}, taking back a creation that never came to its end`, () => {
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
      const guest = guestId(700_000 + next);
      return { spec: specOf(world, vmid, guest, next, more), stamp: { guest, site: 'townhall', stack: 'office' } };
    };
    type Made = ReturnType<typeof given>;
    const create = (made: Made, more: Partial<CallContext> = {}) =>
      world.substrate.createGuest(made.spec, made.stamp, ACCESS, { next: async () => id() }, context(more));
    const left = (made: Made, more: Partial<UnfinishedGuest> = {}): UnfinishedGuest => {
      const { node, kind, storage, vmid } = made.spec;
      return { stamp: made.stamp, node, kind, storage, vmids: [vmid], ...more };
    };
    const clear = (made: Made, more: Partial<UnfinishedGuest> = {}, over: Partial<CallContext> = {}) =>
      world.substrate.clearGuest(left(made, more), context(over));
    const stampedAs = async (guest: GuestId) =>
      (await world.substrate.observe(context())).guests.filter((g) => g.stamp === guest).map((g) => g.vmid);
    /** Nothing at that id, and nothing of that stamp anywhere. */
    const gone = async (made: Made, vmid = made.spec.vmid) => {
      expect(await world.hand.look(vmid)).toBeUndefined();
      expect(await world.hand.volumes(vmid)).toBe(0);
      expect(await stampedAs(made.stamp.guest)).toEqual([]);
    };

    it_('every id is told before it is asked for, also those that strangers turn out to have', async () => {
      const made = given();
      const asked: number[] = [];
      await create(made, { asking: async (vmid) => void asked.push(vmid) });
      expect(asked).toEqual([made.spec.vmid]);
    });

    it_('nothing is asked for when it cannot be stored', async () => {
      const made = given();
      const lost = new Error('lease lost');
      const asking = async () => {
        throw lost;
      };
      await expect(create(made, { asking })).rejects.toBe(lost);
      await gone(made);
    });

    it_('finds nothing where nothing was made, and says so again', async () => {
      const made = given();
      await clear(made);
      await clear(made);
      await gone(made);
    });

    it_('takes a whole guest away, running or not, wherever it was moved', async () => {
      for (const what of ['stopped', 'running', 'moved'] as const) {
        const made = given({ volumes: [{ name: 'data', path: '/data', sizeGiB: 1 }] });
        const at = await create(made);
        if (what === 'running')
          await world.substrate.startGuest({ guest: made.stamp.guest, stamp: made.stamp, at }, context());
        if (what === 'moved') await world.hand.move(at.vmid, world.otherNode);
        await clear(made);
        await gone(made);
        await clear(made);
      }
    });

    it_('takes a machine away', async () => {
      const made = given({ kind: 'vm', image: world.template, diskGiB: 8 });
      await create(made);
      await clear(made);
      await gone(made);
    });

    it_('finds the guest by its stamp when no id is known', async () => {
      const made = given();
      await create(made);
      await clear(made, { vmids: [] });
      await gone(made);
    });

    it_('leaves a stranger alone who has the id, and a guest of ours that is another one', async () => {
      const made = given();
      await world.hand.addStranger(made.spec.vmid);
      const before = await world.hand.look(made.spec.vmid);
      const other = given();
      await create(other);
      await clear(made, { vmids: [made.spec.vmid, other.spec.vmid] });
      expect(await world.hand.look(made.spec.vmid)).toEqual(before);
      expect(await stampedAs(other.stamp.guest)).toEqual([other.spec.vmid]);
    });

    it_('leaves a guest alone whose stamp names another site or stack', async () => {
      const made = given();
      await create(made);
      for (const other of [{ site: 'elsewhere' }, { stack: 'another' }]) {
        await clear(made, { stamp: { ...made.stamp, ...other } });
        expect(await stampedAs(made.stamp.guest)).toEqual([made.spec.vmid]);
      }
    });

    it_('spares the guest that the record knows by the same stamp', async () => {
      const made = given();
      await create(made);
      const never = id();
      await clear(made, { vmids: [never, made.spec.vmid], spare: made.spec.vmid });
      expect(await stampedAs(made.stamp.guest)).toEqual([made.spec.vmid]);
    });

    it_('removes disks at an id that no guest has, or says that it may not', async () => {
      const made = given();
      await world.hand.leaveDisk(made.spec.vmid);
      expect(await world.hand.volumes(made.spec.vmid)).toBe(1);
      const refused = await clear(made).then(
        () => undefined,
        (error: unknown) => (error as Refusal).problem.code,
      );
      if (refused === undefined) await gone(made);
      else expect([refused, await world.hand.volumes(made.spec.vmid)]).toEqual(['guest.unfinished', 1]);
    });

    it_('a creation keeps away from an id whose disks somebody has kept: they would go with the guest', async () => {
      const made = given();
      const kept = made.spec.vmid;
      await world.hand.leaveDisk(kept);
      const at = await create(made);
      expect(at.vmid).not.toBe(kept);
      await world.substrate.destroyGuest({ guest: made.stamp.guest, stamp: made.stamp, at }, context());
      expect(await world.hand.volumes(kept)).toBe(1);
    });

    it_('says which guest is locked by its own half-done making, and removes it once that lock is gone', async () => {
      const made = given();
      await create(made);
      await world.hand.setLock(made.spec.vmid, 'create');
      expect(await refusal(clear(made))).toBe('guest.unfinished');
      expect(await stampedAs(made.stamp.guest)).toEqual([made.spec.vmid]);
      await world.hand.setLock(made.spec.vmid, undefined);
      await clear(made);
      await gone(made);
    });

    it_('does nothing once its holder has lost the lease', async () => {
      const made = given();
      await create(made);
      const lost = new Error('lease lost');
      const fence = async () => {
        throw lost;
      };
      await expect(clear(made, {}, { fence })).rejects.toBe(lost);
      expect(await stampedAs(made.stamp.guest)).toEqual([made.spec.vmid]);
    });
  });
}
