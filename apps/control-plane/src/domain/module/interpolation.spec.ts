import type { Json } from '../ids.js';
import { factsIn, interpolate, referencedRequirements, resolveBindingFacts } from './interpolation.js';

const FACTS: Readonly<Record<string, Json>> = {
  'site.domain': 'demo.test',
  'config.port': 8080,
  'config.groups': ['a', 'b'],
};
const lookup = (name: string) =>
  name.startsWith('binding.')
    ? ('keep' as const)
    : Object.hasOwn(FACTS, name)
      ? { value: FACTS[name] as Json }
      : undefined;

describe('facts in documents', () => {
  it.each<[string, Json, Json]>([
    ['a fact inside a text', 'wiki.{{ site.domain }}', 'wiki.demo.test'],
    ['two facts', '{{site.domain}}:{{ config.port }}', 'demo.test:8080'],
    ['a whole value keeps its type', '{{ config.port }}', 8080],
    ['a list as a whole value', '{{ config.groups }}', ['a', 'b']],
    ['facts inside lists and objects', { a: ['x.{{ site.domain }}'], b: 1 }, { a: ['x.demo.test'], b: 1 }],
    ['an offer of a sibling stays for later', 'http://{{ binding.route.url }}', 'http://{{ binding.route.url }}'],
    ['text without facts', 'plain { text }', 'plain { text }'],
  ])('%s', (_, value, expected) => {
    expect(interpolate(value, lookup)).toEqual({ value: expected, problems: [] });
  });

  it.each<[string, Json, string]>([
    ['an unknown fact', { url: 'https://{{ site.domian }}' }, 'there is no fact "site.domian"'],
    ['something that is no name', { url: '{{ site.domain | upper }}' }, 'is not the name of a fact'],
    ['a list inside a text', { url: 'x {{ config.groups }}' }, 'is not a single value'],
    ['braces without their counterpart', { url: 'x {{ site.domain' }, 'has no counterpart'],
  ])('%s is told with its place and leaves the text as it was', (_, value, message) => {
    const result = interpolate(value, lookup);
    expect(result.value).toEqual(value);
    expect(result.problems).toEqual([
      expect.objectContaining({ path: 'url', message: expect.stringContaining(message) }),
    ]);
  });

  it('names the facts and sibling requirements of a value, each once', () => {
    const value = { a: '{{ binding.sso.checkUrl }}', b: ['{{ binding.sso.headers }} {{ site.domain }}'] };
    expect(factsIn(value)).toEqual(['binding.sso.checkUrl', 'binding.sso.headers', 'site.domain']);
    expect(referencedRequirements(value)).toEqual(['sso']);
  });
});

describe('requests that use offers of sibling bindings', () => {
  const offers = { sso: { checkUrl: 'http://10.0.0.2/check', headers: ['Auth-User'], nested: { port: 99 } } };

  it('are completed, whole values with their type', () => {
    const request = {
      forwardAuth: { checkUrl: '{{ binding.sso.checkUrl }}', headers: '{{ binding.sso.headers }}' },
      port: '{{ binding.sso.nested.port }}',
    };
    expect(resolveBindingFacts(request, offers)).toEqual({
      request: { forwardAuth: { checkUrl: 'http://10.0.0.2/check', headers: ['Auth-User'] }, port: 99 },
      missing: [],
    });
  });

  it('say which offer does not have what they need', () => {
    const { missing } = resolveBindingFacts({ a: '{{ binding.sso.nothing }}', b: '{{ binding.route.url }}' }, offers);
    expect(missing).toEqual(['binding.sso.nothing', 'binding.route.url']);
  });
});
