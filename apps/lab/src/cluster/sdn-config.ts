/** SDN objects as configured and as last applied, and the difference between the two as the API shows it. */
import { createHash } from 'node:crypto';
import { fail } from '../http/api-error.js';
import type { Call } from '../http/call.js';
import type { Lab } from '../lab.js';
import type { Entry } from './sections.js';

export const KINDS = ['zone', 'vnet', 'subnet', 'controller'] as const;
export type Kind = (typeof KINDS)[number];

export const configured = (lab: Lab, kind: Kind) => new Map(lab.journal.entries<Entry>(`sdn-${kind}`));
export const running = (lab: Lab, kind: Kind) => new Map(lab.journal.entries<Entry>(`sdn-running-${kind}`));

export const sdnDigest = (lab: Lab, kind: Kind): string =>
  createHash('sha1')
    .update(JSON.stringify([...configured(lab, kind)]))
    .digest('hex');

const same = (left: unknown, right: unknown) => JSON.stringify(left) === JSON.stringify(right);

/** The applied values, what will become of them, and `new`, `changed` or `deleted` where anything will. */
function pendingOf(now: Entry | undefined, then: Entry | undefined): Entry {
  if (!then) return { ...now, state: 'deleted', pending: {} } as unknown as Entry;
  const pending: Record<string, unknown> = {};
  let state: string | undefined = now ? undefined : 'new';
  for (const key of Object.keys(now ?? {})) if (then[key] === undefined) pending[key] = 'deleted';
  for (const [key, value] of Object.entries(then))
    if (key !== 'type' && key !== 'vnet' && !same(now?.[key], value)) pending[key] = value;
  if (now && Object.keys(pending).length > 0) state = 'changed';
  const fixed = Object.fromEntries(Object.entries(then).filter(([key]) => key === 'type' || key === 'vnet'));
  return {
    ...now,
    ...fixed,
    ...(state === undefined ? {} : { state, pending }),
    ...(state === undefined && Object.keys(pending).length > 0 ? { pending } : {}),
  } as unknown as Entry;
}

/** Which of the three views a request asks for. */
export function view(call: Call, kind: Kind): Map<string, Entry> {
  const { lab } = call;
  if (call.flag('pending')) {
    const now = running(lab, kind);
    const then = configured(lab, kind);
    return new Map(
      [...new Set([...now.keys(), ...then.keys()])].sort().map((id) => [id, pendingOf(now.get(id), then.get(id))]),
    );
  }
  return call.flag('running') ? running(lab, kind) : configured(lab, kind);
}

export function hasPending(lab: Lab): boolean {
  const sorted = (entries: Map<string, Entry>) => [...entries].sort(([left], [right]) => (left < right ? -1 : 1));
  return KINDS.some((kind) => !same(sorted(configured(lab, kind)), sorted(running(lab, kind))));
}

function copy(lab: Lab, from: (kind: Kind) => Map<string, Entry>, to: (kind: Kind) => string): void {
  for (const kind of KINDS) {
    const source = from(kind);
    for (const [id] of [...lab.journal.entries(to(kind))]) if (!source.has(id)) lab.journal.delete(to(kind), id);
    for (const [id, entry] of source) lab.journal.put(to(kind), id, entry);
  }
}

export const commit = (lab: Lab) =>
  copy(
    lab,
    (kind) => configured(lab, kind),
    (kind) => `sdn-running-${kind}`,
  );
export const rollback = (lab: Lab) =>
  copy(
    lab,
    (kind) => running(lab, kind),
    (kind) => `sdn-${kind}`,
  );

/** Whoever holds the configuration must show the token with every change. */
export function checkLock(call: Call, doing: string): void {
  const token = call.lab.journal.get<string>('sdn-lock', 'token');
  if (token !== undefined && call.text('lock-token') !== token) throw fail(`${doing}: invalid lock token provided!`);
}
