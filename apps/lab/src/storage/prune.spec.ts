import type { Volume } from '../state/model.js';
import { prune } from './prune.js';

const DAY = 86_400;
const START = 1_795_000_000 - (1_795_000_000 % DAY) + 3600;
const backup = (days: number, more: Partial<Volume> = {}): Volume => ({
  storage: 'local', node: 'n1', name: `backup/${days}`, content: 'backup', format: 'tar', size: 1, used: 1, vmid: 100, ctime: START - days * DAY,
  backup: { type: 'lxc', config: {}, volumes: [] }, ...more,
}); // biome-ignore format: one volume
const kept = (volumes: readonly Volume[], policy: Record<string, string>) =>
  prune(volumes, policy)
    .filter(({ mark }) => mark !== 'remove')
    .map(({ volume }) => volume.name.slice(7));

describe('pruning', () => {
  it('keeps the newest, then one of each further day', () => {
    expect(
      kept(
        [0, 1, 2, 3, 4].map((day) => backup(day)),
        { 'keep-last': '1', 'keep-daily': '2' },
      ),
    ).toEqual(['0', '1', '2']);
  });

  it('keeps all without a policy and never drops what is protected', () => {
    expect(kept([backup(0), backup(1)], {})).toEqual(['0', '1']);
    expect(kept([backup(0), backup(1), backup(2, { protected: 1 })], { 'keep-last': '1' })).toEqual(['0', '2']);
  });

  it('judges each guest by itself', () => {
    expect(kept([backup(0), backup(1, { vmid: 101 })], { 'keep-last': '1' })).toEqual(['0', '1']);
  });
});
