import { createHash } from 'node:crypto';
import type { CatalogueContent } from '../catalogue.js';
import type { Site } from '../site/site.js';
import type { ObservedSubstrate } from '../stack/observed.js';
import type { WantedStack } from '../stack/stack.js';
import { Planning, told } from './testing/planning.js';
import {
  blueprint,
  catalogueWith,
  definition,
  guest,
  module,
  observedLab,
  requires,
  SITE,
  wantedStack,
} from './testing/sample-site.js';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

interface Case {
  readonly wanted?: Partial<WantedStack>;
  readonly catalogue?: Partial<CatalogueContent>;
  readonly site?: Partial<Site>;
  readonly observed?: Partial<ObservedSubstrate>;
  readonly told: readonly string[];
  readonly message?: string;
}

const one = (
  name: string,
  modules: CatalogueContent['modules'],
  over: Parameters<typeof blueprint>[2] = {},
): Case['catalogue'] => ({
  modules,
  blueprints: [
    blueprint(
      name,
      modules.map((m) => m.name),
      over,
    ),
  ],
  interfaces: [definition('a/v1'), definition('b/v1'), definition('c/v1', { shared: false })],
});
const needs = (name: string, ...interfaces: readonly string[]) =>
  module(name, { requires: Object.fromEntries(interfaces.map((i) => [i.slice(0, 1), requires(i)])) });
const gives = (name: string, interfaceName: string, over: Parameters<typeof module>[1] = {}) =>
  module(name, { provides: { it: { interface: interfaceName } }, ...over });
const wanted = { blueprint: { name: 'test', version: '1.0.0' } };
const site = (over: Partial<Site['substrates'][string]>): Partial<Site> => ({
  substrates: { lab1: { ...SITE.substrates.lab1!, ...over } },
});

const CASES: Readonly<Record<string, Case>> = {
  'a blueprint that is not there': {
    wanted: { blueprint: { name: 'none', version: '1.0.0' } },
    told: ['error version.unsatisfied blueprint none'],
  },
  'a version of a blueprint that is not there': {
    wanted: { blueprint: { name: 'wiki', version: '2.0.0' } },
    told: ['error version.unsatisfied blueprint wiki'],
    message: 'Blueprint wiki is needed in version 2.0.0, but there is 1.0.0.',
  },
  'blueprints that include each other': {
    wanted,
    catalogue: {
      blueprints: [
        blueprint('test', [], { includes: [{ blueprint: 'two', version: '*' }] }),
        blueprint('two', [], { includes: [{ blueprint: 'test', version: '*' }] }),
      ],
    },
    told: ['error document.invalid blueprint test'],
    message: 'Blueprints include each other in a circle: test → two → test.',
  },
  'unknown names of every kind, all at once': {
    wanted: { parameters: { colour: 'red' }, components: { chat: true }, size: 'huge', config: {} },
    told: [
      'error parameter.unknown parameters.colour',
      'error parameter.unknown size',
      'error parameter.unknown components.chat',
    ],
  },
  'configuration of an instance that is not there': {
    wanted: { config: { wikki: {} } },
    told: ['error parameter.unknown config.wikki'],
  },
  'configuration that the module does not know, or of the wrong kind': {
    wanted: { config: { wiki: { titel: 'x', pages: 'many' } } },
    told: ['error parameter.invalid wiki.config.pages', 'error parameter.unknown wiki.config.titel'],
  },
  'a parameter without a value, and one with a wrong one': {
    wanted: { ...wanted, parameters: { b: 3 } },
    catalogue: {
      blueprints: [blueprint('test', [], { parameters: { a: { type: 'string' }, b: { type: 'string' } } })],
    },
    told: ['error parameter.missing parameters.a', 'error parameter.invalid parameters.b'],
  },
  'a fact that does not exist': {
    wanted: { config: { wiki: { title: '{{ site.domian }}' } } },
    told: ['error fact.unknown wiki.config.title'],
  },
  'a module that is not there': {
    wanted,
    catalogue: { blueprints: [blueprint('test', ['none'])] },
    told: ['error version.unsatisfied none'],
  },
  'an interface that nobody provides': {
    wanted,
    catalogue: one('test', [needs('x', 'a/v1')]),
    told: ['error binding.unsatisfied x.a'],
  },
  'a binding to an instance that is not there': {
    wanted,
    catalogue: one('test', [needs('x', 'a/v1')], {
      modules: { x: { module: 'x', version: '*', config: {}, bindings: { a: 'y' }, guests: {} } },
    }),
    told: ['error binding.unsatisfied x.a'],
    message: 'x.a needs a/v1, but the blueprint binds it to y, which is not in the blueprint.',
  },
  'several providers and no choice': {
    wanted,
    catalogue: one('test', [needs('x', 'a/v1'), gives('y', 'a/v1'), gives('z', 'a/v1')]),
    told: ['error binding.ambiguous x.a'],
    message: 'Several instances provide a/v1: y (it), z (it).',
  },
  'a provider that is too old': {
    wanted,
    catalogue: one('test', [
      module('x', { requires: { a: requires('a/v1', { version: '>=15' }) } }),
      gives('y', 'a/v1', { appVersion: '13.2' }),
    ]),
    told: ['error version.unsatisfied x.a'],
    message: 'a/v1 is needed in version >=15, but there is y (it) 13.2.',
  },
  'a provider that serves one consumer only': {
    wanted,
    catalogue: one('test', [needs('x', 'c/v1'), needs('y', 'c/v1'), gives('z', 'c/v1')]),
    told: ['error binding.unsatisfied y.c'],
  },
  'a circle of instances': {
    wanted,
    catalogue: one('test', [
      module('x', { requires: { a: requires('a/v1') }, provides: { it: { interface: 'b/v1' } } }),
      module('y', { requires: { b: requires('b/v1') }, provides: { it: { interface: 'a/v1' } } }),
    ]),
    told: ['error binding.cycle x'],
    message: 'Bindings form a circle: x → (a) y → (b) x.',
  },
  'a circle of requests': {
    wanted,
    catalogue: one('test', [
      module('x', {
        requires: {
          a: requires('a/v1', { request: { v: '{{ binding.b.v }}' } }),
          b: requires('b/v1', { request: { v: '{{ binding.a.v }}' } }),
        },
      }),
      gives('y', 'a/v1'),
      gives('z', 'b/v1'),
    ]),
    told: ['error binding.cycle x.a'],
    message: 'Bindings form a circle: x.a → x.b → x.a.',
  },
  'a request that uses a requirement the module does not have': {
    wanted,
    catalogue: one('test', [
      module('x', { requires: { a: requires('a/v1', { request: { v: '{{ binding.q.v }}' } }) } }),
      gives('y', 'a/v1'),
    ]),
    told: ['error fact.unknown x.a'],
  },
  'a request that uses an optional binding which is not bound': {
    wanted,
    catalogue: one('test', [
      module('x', {
        requires: {
          a: requires('a/v1', { request: { v: '{{ binding.b.v }}' } }),
          b: requires('b/v1', { optional: true }),
        },
      }),
      gives('y', 'a/v1'),
    ]),
    told: ['error binding.unsatisfied x.a'],
  },
  'a request that the interface does not take': {
    wanted,
    catalogue: {
      modules: [
        module('x', { requires: { route: requires('http-route/v1', { request: { host: 'x', port: 'eighty' } }) } }),
      ],
      blueprints: [blueprint('test', ['x'])],
    },
    told: ['error parameter.invalid x.route.port', 'info binding.provider_added gateway'],
  },
  'a guest that no node has memory for': {
    wanted,
    catalogue: one('test', [module('x', { guests: { app: guest({ memoryMiB: 9000 }) } })]),
    told: ['error capacity.insufficient lab1/pve1'],
    message: 'lab1/pve1 needs 9000 MiB of memory, but only 8192 MiB are free.',
  },
  'guests that fit on each node but not together on the shared storage': {
    wanted,
    catalogue: one('test', [module('x', { guests: { a: guest({ diskGiB: 60 }), b: guest({ diskGiB: 60 }) } })]),
    observed: { storages: [{ name: 'local-lvm', content: [], totalGiB: 200, freeGiB: 100 }] },
    told: ['error capacity.insufficient lab1/local-lvm'],
  },
  'no node that is online': { observed: { nodes: [] }, told: ['error capacity.insufficient lab1'] },
  'a range of guest ids that is used up': {
    site: site({ guestIds: { from: 100, to: 101 } }),
    told: ['error allocation.exhausted team/wiki/app'],
  },
  'an image that is not there and has no address': {
    observed: { images: [] },
    site: site({ images: { 'debian-12': { container: { volume: 'local:vztmpl/x' } } } }),
    told: [
      'error image.missing team/dns/app',
      'error image.missing team/gateway/app',
      'error image.missing team/wiki/app',
    ],
  },
  'a zone that the site does not have': {
    site: { zones: { edge: SITE.zones.edge!, services: SITE.zones.services! } },
    told: ['error site.unmapped team/wiki/app'],
  },
};

describe('what cannot be planned is refused with its place and no steps', () => {
  it.each(Object.entries(CASES))('%s', (_, given) => {
    const plan = new Planning(sha256).plan(wantedStack(given.wanted), {
      catalogue: catalogueWith(given.catalogue ?? {}),
      site: { ...SITE, ...given.site },
      observed: { lab1: observedLab(given.observed) },
    });
    expect(told(plan)).toEqual(given.told);
    if (given.message !== undefined) expect(plan.findings.map((finding) => finding.message)).toContain(given.message);
    expect(plan).toMatchObject({ steps: [], blastRadius: [], reservations: [] });
  });

  it('a substrate that could not be read', () => {
    expect(told(new Planning(sha256).plan(wantedStack(), { observed: {} }))).toEqual([
      'error substrate.unreachable lab1',
    ]);
  });
});
