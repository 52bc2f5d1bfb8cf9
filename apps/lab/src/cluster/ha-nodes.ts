/** Where HA puts a resource: nodes that live, by the affinity rules, the one with the fewest services first. */
import type { Lab } from '../lab.js';
import { splitList } from '../schema/formats.js';
import type { Guest } from '../state/model.js';
import { isManaged, type Rule, type Service, serviceOf, sidOf } from './ha-state.js';

function rulesFor(lab: Lab, sid: string, type: Rule['type']): Rule[] {
  return [...lab.journal.entries<Rule>('ha-rule')]
    .map(([, rule]) => rule)
    .filter((rule) => rule.type === type && !rule.disable && splitList(rule.resources).includes(sid));
}

/** Of the nodes given those the rule prefers: its own by priority, and if none lives the others unless it is strict. */
function byNodeAffinity(lab: Lab, sid: string, nodes: readonly string[]): string[] {
  const [rule] = rulesFor(lab, sid, 'node-affinity');
  if (!rule) return [...nodes];
  const priorities = new Map(
    splitList(rule.nodes ?? '').map((part): [string, number] => {
      const [node = '', priority = '0'] = part.split(':');
      return [node, Number(priority)];
    }),
  );
  const own = nodes.filter((node) => priorities.has(node));
  if (own.length === 0) return rule.strict ? [] : [...nodes];
  const highest = Math.max(...own.map((node) => priorities.get(node) ?? 0));
  return own.filter((node) => priorities.get(node) === highest);
}

function byResourceAffinity(lab: Lab, sid: string, nodes: readonly string[]): string[] {
  let left = [...nodes];
  for (const rule of rulesFor(lab, sid, 'resource-affinity')) {
    const others = splitList(rule.resources)
      .filter((other) => other !== sid)
      .flatMap((other) => serviceOf(lab, other)?.node ?? []);
    if (rule.affinity === 'negative') left = left.filter((node) => !others.includes(node));
    else {
      const together = left.filter((node) => others.includes(node));
      if (together.length > 0) left = together;
    }
  }
  return left;
}

/** Undefined where no node may have it. `avoid` are nodes on which it failed. */
export function chooseNode(
  lab: Lab,
  sid: string,
  online: readonly string[],
  options: { readonly current?: string; readonly avoid?: readonly string[] } = {},
): string | undefined {
  const avoid = options.avoid ?? [];
  const allowed = byNodeAffinity(
    lab,
    sid,
    online.filter((node) => !avoid.includes(node)),
  );
  const good = byResourceAffinity(lab, sid, allowed);
  if (options.current !== undefined && good.includes(options.current)) return options.current;
  const load = new Map<string, number>();
  for (const [, service] of lab.journal.entries<Service>('ha-service'))
    load.set(service.node, (load.get(service.node) ?? 0) + 1);
  return [...good].sort((a, b) => (load.get(a) ?? 0) - (load.get(b) ?? 0) || (a < b ? -1 : 1))[0];
}

export interface Motion {
  /** Resources that travel along. */
  readonly dependent: string[];
  /** By node, the resources that keep this one away. */
  readonly blocking: ReadonlyMap<string, { readonly sid: string; readonly cause: 'resource-affinity' }[]>;
}

/** What rules say of a migration by hand; undefined where HA does not manage the guest. */
export function motionOf(lab: Lab, guest: Guest): Motion | undefined {
  if (!isManaged(lab, guest)) return undefined;
  const sid = sidOf(guest);
  const dependent = new Set<string>();
  const blocking = new Map<string, { sid: string; cause: 'resource-affinity' }[]>();
  for (const rule of rulesFor(lab, sid, 'resource-affinity'))
    for (const other of splitList(rule.resources).sort()) {
      const service = other === sid ? undefined : serviceOf(lab, other);
      if (!service) continue;
      if (rule.affinity !== 'negative') dependent.add(other);
      else if ((service.target ?? service.node) === service.node && !lab.faults.isNodeDown(service.node))
        blocking.set(service.node, [...(blocking.get(service.node) ?? []), { sid: other, cause: 'resource-affinity' }]);
    }
  return { dependent: [...dependent].sort(), blocking };
}
