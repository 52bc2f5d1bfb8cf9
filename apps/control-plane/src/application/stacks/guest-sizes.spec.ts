import { WorldFailure } from '../../domain/problem.js';
import type { ObservedSubstrate } from '../../domain/stack/observed.js';
import type { RecordedGuest } from '../../domain/stack/stack.js';
import type { CallContext, Substrate } from '../substrates/substrate.port.js';
import { whileGuestsAnswer, withTrueSizes } from './guest-sizes.js';

const context = {} as CallContext;
const own = [{ id: 'gst_1', spec: { kind: 'container' } }] as unknown as RecordedGuest[];
const seen = (node = 'pve1'): ObservedSubstrate =>
  ({
    name: 'pve',
    nodes: [
      { name: 'pve1', online: true },
      { name: 'pve2', online: false },
    ],
    guests: [
      { vmid: 100, node, stamp: 'gst_1', cpus: 2, memoryMiB: 512, diskGiB: 7.6 },
      { vmid: 101, node: 'pve1', stamp: 'gst_2', cpus: 1, memoryMiB: 256, diskGiB: 4 },
    ],
  }) as unknown as ObservedSubstrate;
const substrate = (guestSettings: Substrate['guestSettings']): Substrate => ({ guestSettings }) as unknown as Substrate;
const sizes = ({ guests }: ObservedSubstrate) =>
  guests.map(({ cpus, memoryMiB, diskGiB }) => [cpus, memoryMiB, diskGiB]);

describe('sizes of guests that a plan is about', () => {
  it('are those the guests have, where the overview is still behind', async () => {
    const told = { stamped: true, startsAtBoot: true, cpus: 4, memoryMiB: 1024, diskGiB: 8 };
    const after = await withTrueSizes(
      substrate(async () => told),
      seen(),
      own,
      context,
    );
    expect(sizes(after)).toEqual([
      [4, 1024, 8],
      [1, 256, 4],
    ]);
  });

  it('stay as listed for a guest that is gone, cannot be asked, or lies on a node that is away', async () => {
    const listed = [
      [2, 512, 7.6],
      [1, 256, 4],
    ];
    const gone = substrate(async () => undefined);
    const away = substrate(async () => {
      throw new WorldFailure({ code: 'substrate.unreachable', retryable: 'later', message: 'away' });
    });
    expect(sizes(await withTrueSizes(gone, seen(), own, context))).toEqual(listed);
    expect(sizes(await withTrueSizes(away, seen(), own, context))).toEqual(listed);
    const asked = substrate(async () => ({ stamped: true, startsAtBoot: true, cpus: 9, memoryMiB: 9 }));
    expect(sizes(await withTrueSizes(asked, seen('pve2'), own, context))).toEqual(listed);
  });

  it('come in time from all other nodes when one node hangs, with however many guests', async () => {
    const nodes = ['pve1', 'pve2'].map((name) => ({ name, online: true }));
    const many = Array.from({ length: 40 }, (_, i) => ({
      ...{ vmid: 100 + i, node: i < 30 ? 'pve1' : 'pve2', stamp: `gst_${i}`, cpus: 1, memoryMiB: 256, diskGiB: 4 },
    }));
    const ownOnes = many.map(({ stamp }) => ({ id: stamp, spec: { kind: 'container' } })) as unknown as RecordedGuest[];
    let giveUp: () => void = () => {};
    const timeIsUp = new Promise<void>((resolve) => (giveUp = resolve));
    let answered = 0;
    const asked = substrate(async (_guest, { node }) => {
      if (node === 'pve2') {
        answered += 1;
        if (answered === 10) giveUp();
        return { stamped: true, startsAtBoot: true, cpus: 4, memoryMiB: 1024 };
      }
      await timeIsUp;
      throw new WorldFailure({ code: 'substrate.deadline', retryable: 'later', message: 'no answer' });
    });
    const observed = { name: 'pve', nodes, guests: many } as unknown as ObservedSubstrate;
    const after = sizes(await withTrueSizes(asked, observed, ownOnes, context));
    expect(after.slice(0, 30)).toEqual(Array.from({ length: 30 }, () => [1, 256, 4]));
    expect(after.slice(30)).toEqual(Array.from({ length: 10 }, () => [4, 1024, 4]));
  });

  it('have a time of their own, which never goes beyond that of the whole question', () => {
    const whole = { ...context, deadline: 30_000 };
    expect(whileGuestsAnswer(whole, 1_000).deadline).toBeLessThan(20_000);
    expect(whileGuestsAnswer(whole, 29_000).deadline).toBe(30_000);
  });
});
