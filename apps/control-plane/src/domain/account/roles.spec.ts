import { type AccountRole, allows, type Grant, type Place } from './roles.js';

describe('roles', () => {
  const everywhere = (role: AccountRole): Grant[] => [{ role, site: null }];

  it.each<[AccountRole, AccountRole[]]>([
    ['viewer', ['viewer']],
    ['operator', ['viewer', 'operator']],
    ['author', ['viewer', 'author']],
    ['admin', ['viewer', 'operator', 'author', 'admin']],
  ])('%s may do what %j may, and nothing else', (role, may) => {
    const all: AccountRole[] = ['viewer', 'operator', 'author', 'admin'];
    expect(all.filter((needed) => allows(everywhere(role), needed, 'all'))).toEqual(may);
  });

  it.each<[string, string | null, Place, boolean]>([
    ['its own site', 'town', { site: 'town' }, true],
    ['another site', 'town', { site: 'village' }, false],
    ['something of all sites', 'town', 'all', false],
    ['something of whatever site', 'town', 'any', true],
    ['any site, when it is for all', null, { site: 'village' }, true],
  ])('a grant reaches %s only as far as it goes', (_, site, place, expected) => {
    expect(allows([{ role: 'operator', site }], 'operator', place)).toBe(expected);
  });

  it('nobody without a grant may do anything', () => {
    expect(allows([], 'viewer', 'any')).toBe(false);
  });
});
