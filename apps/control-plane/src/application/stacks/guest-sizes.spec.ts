import { WorldFailure } from '../../domain/problem.js';
import type { ObservedSubstrate } from '../../domain/stack/observed.js';
import type { RecordedGuest } from '../../domain/stack/stack.js';
import type { CallContext, Substrate } from '../substrates/substrate.port.js';
import { withTrueSizes } from './guest-sizes.js';

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
});
