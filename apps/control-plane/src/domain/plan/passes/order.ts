import type { StepId } from '../../ids.js';
import { type Draft, report } from '../draft.js';
import type { PlannedStep } from '../plan.js';

/**
 * After all steps are known: keeps the waits that exist, drops those that follow from others, gives each step its layer,
 * and sorts by layer, then by name. Circles of this stack were found with its bindings; one that runs through other
 * stacks shows here.
 */
export function order(draft: Draft): readonly PlannedStep[] {
  const remaining = new Map(
    [...draft.steps].map(([id, step]) => [
      id,
      [...step.after].filter((other) => other !== id && draft.steps.has(other)),
    ]),
  );
  const waits = new Map([...remaining].map(([id, after]) => [id, after.length]));
  const next = new Map<string, string[]>();
  for (const [id, after] of remaining) for (const other of after) next.set(other, [...(next.get(other) ?? []), id]);
  const layer = new Map<string, number>();
  const sorted = [...waits].filter(([, count]) => count === 0).map(([id]) => id);
  for (const id of sorted) layer.set(id, 0);
  for (let i = 0; i < sorted.length; i += 1) {
    const id = sorted[i] as string;
    for (const other of next.get(id) ?? []) {
      layer.set(other, Math.max(layer.get(other) ?? 0, (layer.get(id) ?? 0) + 1));
      const left = (waits.get(other) ?? 0) - 1;
      waits.set(other, left);
      if (left === 0) sorted.push(other);
    }
  }
  if (sorted.length < draft.steps.size) {
    const stuck = [...draft.steps.keys()].filter((id) => (waits.get(id) ?? 0) > 0);
    report(draft, 'error', {
      code: 'binding.cycle',
      subject: stuck[0] ?? '',
      message: `These steps wait for each other: ${stuck.join(', ')}.`,
      remedy: 'Plan the stacks one after the other.',
      details: { cycle: stuck },
    });
    return [];
  }
  const reduced = reduce(sorted, remaining);
  return sorted
    .map((id) => {
      const step = draft.steps.get(id) as NonNullable<ReturnType<typeof draft.steps.get>>;
      return { ...step, after: (reduced.get(id) ?? []).sort() as StepId[], layer: layer.get(id) ?? 0 };
    })
    .sort((a, b) => a.layer - b.layer || (a.id < b.id ? -1 : 1));
}

/** Transitive reduction: a wait that another wait implies only clutters the graph. */
function reduce(sorted: readonly string[], after: ReadonlyMap<string, readonly string[]>): Map<string, string[]> {
  const bit = new Map(sorted.map((id, i) => [id, 1n << BigInt(i)]));
  const ancestors = new Map<string, bigint>();
  const reduced = new Map<string, string[]>();
  for (const id of sorted) {
    const direct = after.get(id) ?? [];
    const implied = direct.reduce((all, other) => all | (ancestors.get(other) ?? 0n), 0n);
    reduced.set(
      id,
      direct.filter((other) => ((bit.get(other) ?? 0n) & implied) === 0n),
    );
    ancestors.set(
      id,
      direct.reduce((all, other) => all | (bit.get(other) ?? 0n), implied),
    );
  }
  return reduced;
}
