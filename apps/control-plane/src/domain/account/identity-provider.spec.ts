import { ACCOUNT_NAME } from './account.js';
import { grantsOf, issuerFault, nameFrom, type RoleMapping } from './identity-provider.js';

const MAPPINGS: readonly RoleMapping[] = [
  { group: 'it', role: 'admin', site: null },
  { group: 'help', role: 'operator', site: 'town' },
  { group: 'desk', role: 'operator', site: 'town' },
];

describe('roles from groups', () => {
  it('come from the groups somebody is in, each once, and from no other', () => {
    expect(grantsOf(['help', 'desk', 'choir'], MAPPINGS)).toEqual([{ role: 'operator', site: 'town' }]);
    expect(grantsOf(['IT', 'it '], MAPPINGS)).toEqual([]);
    expect(grantsOf([], MAPPINGS)).toEqual([]);
  });
});

describe('an issuer', () => {
  it.each([
    'https://auth.town.example',
    'https://id.example:8443/realms/town',
    'http://127.0.0.1:9000',
    'http://localhost',
  ])('%s is one', (issuer) => expect(issuerFault(issuer)).toBeUndefined());
  it.each([
    'http://auth.town.example',
    'ftp://x',
    'auth',
    'https://user:pw@x.example',
    'https://x.example/?a=b',
    'http://127.evil.example',
  ])('%s is none', (issuer) => expect(issuerFault(issuer)).toMatch(/must/));
});

describe('a name from outside', () => {
  it.each([
    ['Eva.Example@town.example', 'eva.example'],
    ['Änne', 'anne'],
    ['42', 'person'],
    [undefined, 'person'],
    ['<script>', 'script'],
  ])('%s becomes %s', (claimed, name) => {
    expect(nameFrom(claimed)).toBe(name);
    expect(nameFrom(claimed)).toMatch(ACCOUNT_NAME);
  });
});
