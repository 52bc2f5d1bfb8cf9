import type { Dto } from '../../api/types.js';
import { byName, picturesOf } from './modules.js';

const module = (name: string, version: string, tier = 'app') => ({ name, version, tier }) as Dto<'CatalogueModuleDto'>;

describe('modules of the catalogue', () => {
  it('are one entry each, by their newest version', () => {
    const [wiki, files] = byName([module('wiki', '1.0.0'), module('files', '2.0.0'), module('wiki', '1.1.0')]);
    expect(wiki?.newest.version).toBe('1.1.0');
    expect(wiki?.versions.map(({ version }) => version)).toEqual(['1.1.0', '1.0.0']);
    expect(files?.versions).toHaveLength(1);
  });

  it('stand for a blueprint, apps before what they stand on', () => {
    const base = { name: 'base', modules: ['dns'], includes: [] as string[] };
    const team = { name: 'team', modules: ['wiki', 'gone'], includes: ['base'] };
    const catalogue = {
      modules: [module('dns', '1.0.0', 'foundation'), module('wiki', '1.0.0')],
      blueprints: [base, team],
    } as unknown as Dto<'CatalogueDto'>;
    expect(picturesOf(team, catalogue).map(({ name }) => name)).toEqual(['wiki', 'dns']);
  });
});
