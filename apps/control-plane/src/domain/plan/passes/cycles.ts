import { referencedRequirements } from '../../module/interpolation.js';
import { type Draft, report } from '../draft.js';

/**
 * Right after binding: a provider is configured before it provides, and a consumer is configured after everything was
 * provided to it, so a circle of bindings could never be carried out. The finding prints the circle.
 */
export function findCycles(draft: Draft): void {
  /** Node → nodes that must come before it; `label` for the finding. */
  const before = new Map<string, string[]>();
  const label = new Map<string, string>();
  const add = (node: string, needs: string): void => {
    const list = before.get(node);
    if (list) list.push(needs);
    else before.set(node, [needs]);
  };
  for (const { consumer, provider, requirement, request } of draft.bindings) {
    const node = `${consumer.name}.${requirement}`;
    label.set(node, `(${requirement})`);
    add(`${consumer.name}`, node);
    if (provider.role === 'wanted') add(node, provider.name);
    for (const sibling of referencedRequirements(request)) add(node, `${consumer.name}.${sibling}`);
  }
  const state = new Map<string, 'open' | 'done'>();
  const visit = (node: string, path: readonly string[]): void => {
    if (state.get(node) === 'done') return;
    if (state.get(node) === 'open') {
      const circle = [...path.slice(path.indexOf(node)), node];
      const instances = circle.map((name) => label.get(name) ?? name);
      report(draft, 'error', {
        code: 'binding.cycle',
        subject: circle.find((name) => !label.has(name)) ?? node,
        message: `Bindings form a circle: ${print(circle, instances)}.`,
        remedy: 'Bind one of them to a provider outside the circle, or make it optional and leave it out.',
        details: { cycle: circle },
      });
      return;
    }
    state.set(node, 'open');
    for (const need of before.get(node) ?? []) visit(need, [...path, node]);
    state.set(node, 'done');
  };
  for (const node of [...before.keys()].sort()) visit(node, []);
}

/** `wiki → (route) gateway → (record) dns → …`; a circle of siblings only is printed by their full names. */
function print(circle: readonly string[], labels: readonly string[]): string {
  const onlySiblings = circle.every((name, i) => labels[i] !== name);
  if (onlySiblings) return circle.join(' → ');
  return circle
    .map((name, i) =>
      labels[i] === name ? (i === 0 ? name : ` ${name}`) : `${i === 0 ? `${name} ` : ' → '}${labels[i]}`,
    )
    .join('');
}
