import type { GuestId } from '../ids.js';
import { answersTo, type Drift, driftOf, type IgnoredDrift, ignoredAs, lapsed } from './drift.js';
import type { RecordedGuest } from './stack.js';

describe('what differs between the record and the world', () => {
  const network = { bridge: 'vmbr0', vlan: 10, mac: 'bc:24:11:00:00:01' };
  const spec = { cpus: 2, memoryMiB: 512, diskGiB: 4, network };
  const recorded = { id: 'gst_1', node: 'pve1', vmid: 100, spec } as RecordedGuest;
  const same = { vmid: 100, node: 'pve1', kind: 'container' as const, name: 'g', status: 'running' as const };

  it.each([
    ['nothing', { ...same, cpus: 2, memoryMiB: 512, diskGiB: 4.02 }, []],
    ['a size that the substrate does not tell', same, []],
    ['stopped by hand', { ...same, status: 'stopped' as const }, ['stopped status']],
    ['moved to another node', { ...same, node: 'pve2' }, ['moved node']],
    ['resized by hand', { ...same, cpus: 4, diskGiB: 8 }, ['resized cpus', 'resized diskGiB']],
    ['gone', undefined, ['missing presence']],
  ])('%s', (_, observed, found) => {
    expect(driftOf(recorded, observed).map(({ kind, field }) => `${kind} ${field}`)).toEqual(found);
  });

  const settings = {
    ...{ stamped: true, startsAtBoot: true, cpus: 2, memoryMiB: 512, diskGiB: 4 },
    ...{ bridge: 'vmbr0', vlan: 10, mac: 'BC:24:11:00:00:01' },
  };
  it.each([
    ['nothing', {}, []],
    ['another bridge and no VLAN', { bridge: 'vmbr1', vlan: undefined }, ['foreign bridge', 'foreign vlan']],
    ['another card', { mac: 'BC:24:11:00:00:02' }, ['foreign mac']],
    ['its stamp', { stamped: false }, ['foreign stamp']],
    ['that it starts with its node', { startsAtBoot: false }, ['foreign startsAtBoot']],
    ['its disk, which the guest’s file system shows smaller', { diskGiB: 6 }, ['resized diskGiB']],
  ])('by its settings: %s', (_, changed, found) => {
    const { vlan, ...rest } = { ...settings, ...changed } as typeof settings & { vlan?: number };
    const seen = driftOf(recorded, { ...same, diskGiB: 3.8 }, { ...rest, ...(vlan === undefined ? {} : { vlan }) });
    expect(seen.map(({ kind, field }) => `${kind} ${field}`)).toEqual(found);
  });
});

describe('what can be done about it', () => {
  const about = (field: Drift['field'], recorded: string | number, observed: string | number, kind: Drift['kind']) =>
    answersTo({ kind, field, recorded, observed });

  it.each([
    ['a moved guest: both', about('node', 'pve1', 'pve2', 'moved'), {}],
    ['a size: both', about('cpus', 2, 4, 'resized'), {}],
    ['a grown disk stays', about('diskGiB', 4, 8, 'resized'), { restore: 'disks-only-grow' }],
    [
      'a stopped guest is wanted running',
      about('status', 'running', 'stopped', 'stopped'),
      { adopt: 'wanted-running' },
    ],
    ['a guest that is gone is made again', about('presence', 'there', 'gone', 'missing'), { adopt: 'wanted-there' }],
    ['a card by hand', about('mac', 'a', 'b', 'foreign'), { adopt: 'follows-from-record', restore: 'by-hand' }],
  ])('%s', (_, answers, expected) => {
    expect(answers).toEqual(expected);
  });
});

describe('a word about a difference', () => {
  const guest = 'gst_1' as GuestId;
  const word: IgnoredDrift = { guest, field: 'cpus', observed: 4, reason: 'load test', by: 'ada', at: 1 };
  const drift = (observed: number): Drift => ({ kind: 'resized', field: 'cpus', recorded: 2, observed });

  it('holds for that value alone', () => {
    expect(ignoredAs(guest, drift(4), [word])).toBe(word);
    expect(ignoredAs(guest, drift(6), [word])).toBeUndefined();
    expect(ignoredAs('gst_2' as GuestId, drift(4), [word])).toBeUndefined();
  });

  it('lapses once the difference is no more, or is another one', () => {
    const seen = () => true;
    expect(lapsed(guest, [drift(4)], [word], seen)).toEqual([]);
    expect(lapsed(guest, [drift(6)], [word], seen)).toEqual([word]);
    expect(lapsed(guest, [], [word], seen)).toEqual([word]);
    expect(lapsed(guest, [], [word], () => false)).toEqual([]);
  });
});
