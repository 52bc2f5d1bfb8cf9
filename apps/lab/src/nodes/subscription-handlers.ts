/** /nodes/{node}/subscription. No shop is reached that could say a key is good: one that is set stays invalid, as a made-up key does. */
import { createHash } from 'node:crypto';
import type { Call, Handlers } from '../http/call.js';

interface Subscription {
  readonly key: string;
  /** Unix seconds. */
  readonly checktime: number;
}

const COLLECTION = 'subscription';
const URL = 'https://www.proxmox.com/en/proxmox-virtual-environment/pricing';
const NONE = { status: 'notfound', message: 'There is no subscription key' };
const INVALID = { status: 'invalid', message: 'subscription information invalid - the lab reaches no shop' };

function read(call: Call): unknown {
  const kept = call.lab.journal.get<Subscription>(COLLECTION, call.node);
  const told = { ...(kept ? INVALID : NONE), url: URL };
  if (!call.can(`/nodes/${call.node}`, ['Sys.Audit'])) return told;
  const serverid = createHash('sha1').update(call.lab.name).digest('hex').toUpperCase().slice(0, 32);
  if (!kept) return { ...told, serverid };
  const { key, checktime } = kept;
  return { ...told, serverid, key, checktime, level: /^pve\d+([a-z])-/.exec(key)?.[1] ?? '', sockets: 1 };
}

export const subscriptionHandlers: Handlers = {
  'GET /nodes/{node}/subscription': read,
  'POST /nodes/{node}/subscription': () => undefined,
  'PUT /nodes/{node}/subscription': (call) =>
    call.lab.journal.put(COLLECTION, call.node, {
      key: call.need('key').trim(),
      checktime: Math.floor(call.lab.now() / 1000),
    } satisfies Subscription),
  'DELETE /nodes/{node}/subscription': (call) => call.lab.journal.delete(COLLECTION, call.node),
};
