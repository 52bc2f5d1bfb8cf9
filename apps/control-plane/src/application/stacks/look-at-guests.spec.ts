import type { StackId } from '../../domain/ids.js';
import { WorldFailure } from '../../domain/problem.js';
import type { DriftField, IgnoredDrift } from '../../domain/stack/drift.js';
import type { GuestSettings, ObservedGuest } from '../../domain/stack/observed.js';
import type { RecordedGuest, WantedStack } from '../../domain/stack/stack.js';
import type { Substrate } from '../substrates/substrate.port.js';
import type { DriftBook } from './drift-book.port.js';
import { LookAtGuests } from './look-at-guests.js';
import type { StackStore } from './stack-store.port.js';

const guest = {
  ...{ id: 'gst_1', stack: 'stk_1', instance: 'ins_1', name: 'app', substrate: 'pve', node: 'pve1', vmid: 104 },
  spec: {
    kind: 'container',
    cpus: 2,
    memoryMiB: 512,
    diskGiB: 4,
    network: { bridge: 'vmbr0', mac: 'BC:24:11:00:00:01' },
  },
} as unknown as RecordedGuest;
const observed = {
  ...{ vmid: 104, node: 'pve1', kind: 'container', name: 'app', stamp: 'gst_1', status: 'running' },
  ...{ cpus: 2, memoryMiB: 512, diskGiB: 4 },
} as ObservedGuest;
const settings = {
  ...{ stamped: true, startsAtBoot: true, cpus: 2, memoryMiB: 512, diskGiB: 4 },
  ...{ bridge: 'vmbr0', mac: 'BC:24:11:00:00:01' },
} as GuestSettings;
const word = (field: DriftField, value: string | number): IgnoredDrift => ({
  ...{ guest: guest.id, field, observed: value, reason: 'as it should be', by: 'eva', at: 0 },
});

/** Of which fields the words lapse when somebody looks. */
async function lapsing(words: readonly IgnoredDrift[], answer: () => Promise<GuestSettings>): Promise<DriftField[]> {
  const gone: DriftField[] = [];
  const look = new LookAtGuests(
    {
      getStack: async () => ({ id: 'stk_1', site: 'town', state: 'present' }) as unknown as WantedStack,
      recorded: async () => ({
        stacks: [],
        instances: [],
        guests: [guest],
        bindings: [],
        reservations: [],
        ignoredDrift: words,
      }),
    } as unknown as StackStore,
    {
      get: async () =>
        ({
          observe: async () => ({ name: 'pve', nodes: [{ name: 'pve1', online: true }], guests: [observed] }),
          guestSettings: answer,
        }) as unknown as Substrate,
    },
    { withdraw: async (_guest, field) => gone.push(field) > 0 } as Pick<DriftBook, 'withdraw'> as DriftBook,
    { now: () => 1_000_000 },
  );
  await look.execute('stk_1' as StackId);
  return gone;
}

describe('words about differences', () => {
  const words = [word('startsAtBoot', 'no'), word('bridge', 'vmbr7'), word('cpus', 8), word('node', 'pve2')];

  it('lapse when the guest says that they are no more', async () => {
    expect(await lapsing(words, async () => settings)).toEqual(['startsAtBoot', 'bridge', 'cpus', 'node']);
  });

  it('hold where the guest could not be asked: what was not looked at may be as it was', async () => {
    const silent = async () => {
      throw new WorldFailure({ code: 'substrate.deadline', retryable: 'later', message: 'no answer' });
    };
    expect(await lapsing(words, silent)).toEqual(['node']);
  });
});
