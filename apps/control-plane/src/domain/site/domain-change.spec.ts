import fc from 'fast-check';
import type { StackId } from '../ids.js';
import type { WantedStack } from '../stack/stack.js';
import { handSetValues, inNewDomain, isDomain, movedStack } from './domain-change.js';
import type { Site } from './site.js';

const stack: WantedStack = {
  id: 'stk_1' as StackId,
  name: 'team',
  site: 'demo',
  blueprint: { name: 'team', version: '1.0.0' },
  parameters: { adminEmail: 'it@demo.test', wikiTitle: 'Wiki' },
  components: {},
  size: 'small',
  config: { directory: { organisation: 'Town', links: ['https://www.demo.test/a'] } },
  state: 'present',
};
const site = { adminEmail: 'admin@demo.test' } as Site;

describe('a name in another domain', () => {
  it.each([
    ['demo.test', 'town.example'],
    ['wiki.demo.test', 'wiki.town.example'],
    ['https://Wiki.Demo.Test:8443/a?b=demo.test#c', 'https://Wiki.town.example:8443/a?b=town.example#c'],
    ['ada@demo.test, ida@mail.demo.test', 'ada@town.example, ida@mail.town.example'],
    ['*.demo.test.', '*.town.example.'],
    // Names of others stay.
    ['xdemo.test', 'xdemo.test'],
    ['my-demo.test', 'my-demo.test'],
    ['demo.tests', 'demo.tests'],
    ['demo.test.example', 'demo.test.example'],
    ['demo-test', 'demo-test'],
    ['demoXtest', 'demoXtest'],
  ])('%s becomes %s', (before, after) => {
    expect(inNewDomain(before, 'demo.test', 'town.example')).toBe(after);
  });

  it('can be found twice, also where one domain lies within the other', () => {
    const label = fc.stringMatching(/^[a-z][a-z0-9-]{0,6}[a-z0-9]$/);
    fc.assert(
      fc.property(fc.array(label, { maxLength: 3 }), label, label, (before, one, two) => {
        const name = [...before, 'demo.test'].join('.');
        for (const to of [`${one}.demo.test`, `${one}.${two}`, 'test.demo'].filter((name) => name !== 'demo.test')) {
          const once = inNewDomain(name, 'demo.test', to);
          expect(once === to || once.endsWith(`.${to}`)).toBe(true);
          expect(inNewDomain(once, 'demo.test', to)).toBe(once);
        }
        const up = inNewDomain(`${name.replace('demo.test', 'a.demo.test')}`, 'a.demo.test', 'demo.test');
        expect(up).toBe(name);
      }),
    );
  });

  it.each([
    ['town.example', true],
    ['a.b.c.town.example', true],
    ['xn--mnchen-3ya.example', true],
    ['town', false],
    ['town.', false],
    ['-town.example', false],
    ['Town.example', false],
    ['town..example', false],
    ['10.0.0.1', false],
    ['t wn.example', false],
    [`${'a'.repeat(64)}.example`, false],
    [`${'abcdefgh.'.repeat(24)}example`, false],
  ])('%s as a domain: %s', (name, fits) => {
    expect(isDomain(name)).toBe(fits);
  });
});

describe('values that somebody set by hand', () => {
  it('are found wherever they stand, and rewritten only when that is asked for', () => {
    expect(
      handSetValues(site, [stack], 'demo.test', 'town.example').map(({ subject, after }) => `${subject} ${after}`),
    ).toEqual([
      'site: adminEmail admin@town.example',
      'stack team: parameters.adminEmail it@town.example',
      'stack team: config.directory.links.0 https://www.town.example/a',
    ]);
    const order = { from: 'demo.test', to: 'town.example' };
    expect(movedStack(stack, { ...order, rewrite: false })).toEqual(stack);
    const moved = movedStack(stack, { ...order, rewrite: true });
    expect(moved.parameters).toEqual({ adminEmail: 'it@town.example', wikiTitle: 'Wiki' });
    expect(handSetValues({ ...site, adminEmail: '' }, [moved], 'demo.test', 'town.example')).toEqual([]);
  });
});
