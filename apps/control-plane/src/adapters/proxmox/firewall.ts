import type { CallContext, OwnedGuest } from '../../application/substrates/substrate.port.js';
import type { GuestRule } from '../../domain/stack/guest-spec.js';
import { text } from './answers.js';
import type { Connection } from './connection.js';
import { guestApi, ownedAndThere } from './guest-finder.js';

/** Everything that comes in is dropped unless a rule allows it; neighbour discovery stays, DHCP is not used. */
const OPTIONS = { enable: 1, policy_in: 'DROP', dhcp: 0, ndp: 1 } as const;
const MARK = 'bastide: ';

interface Row {
  readonly pos: number;
  readonly digest?: string;
  readonly key: string;
  readonly inbound: boolean;
}

/**
 * Makes the guest's inbound rules exactly the given ones. New rules are added before old ones go, so a flow that stays
 * allowed is never cut, and the default policy closes last. Positions shift with every change: each removal reads the
 * list again and is guarded by its digest. Nothing is written when it already agrees. Outbound rules are left alone;
 * inbound ones and security groups that are not listed go, whoever made them.
 */
export async function setFirewall(
  connection: Connection,
  guest: OwnedGuest,
  rules: readonly GuestRule[],
  context: CallContext,
): Promise<void> {
  const found = await ownedAndThere(connection, guest, context);
  const { firewall } = guestApi(connection, found.at, context);
  const read = async () => ((await firewall.rules.$get()) as Record<string, unknown>[]).map(toRow);
  const wanted = new Map(rules.map((rule) => [keyOf(parametersOf(rule)), parametersOf(rule)]));

  const there = new Set((await read()).map((row) => row.key));
  for (const [key, parameters] of wanted) {
    if (there.has(key)) continue;
    await context.fence();
    await firewall.rules.$post(parameters as never);
  }
  for (;;) {
    const seen = new Set<string>();
    const rows = await read();
    const surplus = rows.findLast((row) => {
      const keep = !row.inbound || (wanted.has(row.key) && !seen.has(row.key));
      seen.add(row.key);
      return !keep;
    });
    if (!surplus) break;
    await context.fence();
    await firewall.rules
      .$(surplus.pos as never)
      .$delete(surplus.digest === undefined ? {} : { digest: surplus.digest });
  }
  const options = (await firewall.options.$get()) as Record<string, unknown>;
  if (Object.entries(OPTIONS).every(([key, value]) => same(key, options[key], value))) return;
  await context.fence();
  await firewall.options.$put({
    ...OPTIONS,
    ...(typeof options.digest === 'string' ? { digest: options.digest } : {}),
  } as never);
}

/** Absent means the server's default: `dhcp` off, `ndp` on. */
function same(key: string, found: unknown, wanted: unknown): boolean {
  if (found === undefined) return key === 'dhcp' || key === 'ndp';
  return text(found) === text(wanted);
}

function parametersOf(rule: GuestRule): Record<string, string | number> {
  return {
    type: 'in',
    action: 'ACCEPT',
    enable: 1,
    proto: rule.protocol,
    dport: text(rule.port),
    ...(rule.source === undefined ? {} : { source: rule.source }),
    comment: `${MARK}${rule.comment.replace(/\s+/g, ' ').trim()}`.slice(0, 200),
  };
}

const keyOf = (row: Record<string, unknown>): string =>
  ['type', 'action', 'enable', 'proto', 'dport', 'source', 'sport', 'dest', 'iface', 'macro', 'comment']
    .map((name) => (name === 'enable' ? Number(row[name] ?? 0) : text(row[name] ?? '')))
    .join('|');

const toRow = (row: Record<string, unknown>): Row => ({
  pos: Number(row.pos),
  ...(typeof row.digest === 'string' ? { digest: row.digest } : {}),
  key: keyOf(row),
  inbound: row.type !== 'out',
});
