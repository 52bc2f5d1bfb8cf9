import type { Json } from '../ids.js';
import type { FactLookup } from '../module/interpolation.js';
import { valueAt } from '../module/interpolation.js';
import type { Draft, Member } from './draft.js';

/** The facts that documents may name (docs/reference/module.md), as lookups; each adds to the one before. */
export function siteFacts(draft: Draft): FactLookup {
  const { site, wanted } = draft.input;
  const facts: Readonly<Record<string, Json>> = {
    'site.domain': site.domain,
    'site.name': site.name,
    'site.country': site.country,
    'site.adminEmail': site.adminEmail,
    'stack.name': wanted.name,
  };
  return (name) => (Object.hasOwn(facts, name) ? { value: facts[name] as Json } : undefined);
}

/** Facts of the instance and its guests; addresses are there once `allocate` is through. */
export function instanceFacts(draft: Draft, member: Member): FactLookup {
  const facts: Record<string, Json> = { 'instance.name': member.name };
  for (const { name, spec } of member.guests) {
    if (spec === undefined) continue;
    facts[`guest.${name}.address`] = spec.network.address;
    facts[`guest.${name}.hostname`] = spec.hostname;
    facts[`guest.${name}.fqdn`] = `${spec.hostname}.${spec.domain}`;
  }
  const site = siteFacts(draft);
  return (name) => (Object.hasOwn(facts, name) ? { value: facts[name] as Json } : site(name));
}

export function parameterFacts(draft: Draft, member: Member): FactLookup {
  const others = instanceFacts(draft, member);
  return (name) => under('parameter.', name, draft.parameters) ?? others(name);
}

/** In requests: config is there, and offers of sibling bindings stay for the executor. */
export function requestFacts(draft: Draft, member: Member): FactLookup {
  const others = instanceFacts(draft, member);
  return (name) => (name.startsWith('binding.') ? 'keep' : (under('config.', name, member.config) ?? others(name)));
}

function under(prefix: string, name: string, values: Json): { readonly value: Json } | undefined {
  if (!name.startsWith(prefix)) return undefined;
  const value = valueAt(values, name.slice(prefix.length).split('.'));
  return value === undefined ? undefined : { value };
}
