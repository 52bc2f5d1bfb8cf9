/** Resource pools. */

import { modifyPrivileges } from '../access/check-permissions.js';
import type { PoolRecord } from '../access/directory.js';
import { fail } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import { splitList } from '../schema/formats.js';
import { isOnNode } from '../storage/storages.js';
import { guestRow, type Row, storageRow } from './resource-rows.js';

function existing(call: Call, doing?: string): PoolRecord {
  const pool = call.lab.directory.pools.get(call.need('poolid'));
  if (!pool)
    throw fail(`${doing === undefined ? '' : `${doing} failed: `}pool '${call.need('poolid')}' does not exist`);
  return pool;
}

async function members(call: Call, pool: PoolRecord): Promise<Row[]> {
  const { lab } = call;
  const type = call.text('type');
  const rows: Row[] = [];
  for (const vmid of [...pool.vms].sort((left, right) => left - right)) {
    const guest = lab.state.guests.get(vmid);
    if (guest && (type === undefined || type === guest.type)) rows.push(await guestRow(lab, guest));
  }
  if (type !== undefined && type !== 'storage') return rows;
  for (const id of [...pool.storage].sort()) {
    const storage = lab.state.storages.get(id);
    // One row a storage: that of this node, or of the first that has it.
    const node = storage && lab.nodes.find((one) => isOnNode(storage, one));
    if (storage && node !== undefined) rows.push(storageRow(lab, storage, node));
  }
  return rows;
}

function update(call: Call): void {
  const { directory } = call.lab;
  const refuse = (text: string) => fail(`update pools failed: ${text}`);
  const pool = existing(call, 'update pools');
  const next: PoolRecord = { ...pool, vms: [...pool.vms], storage: [...pool.storage] };
  const comment = call.text('comment');
  if (comment !== undefined) next.comment = comment;
  /** Pools that lose a guest to this one. */
  const robbed = new Map<string, PoolRecord>();
  const mayModify = (path: string) => call.demand(path, modifyPrivileges(path), true);
  for (const id of splitList(call.text('vms') ?? '').map(Number)) {
    mayModify(`/vms/${id}`);
    if (call.flag('delete')) {
      if (!next.vms.includes(id)) throw refuse(`VM ${id} is not a pool member`);
      next.vms = next.vms.filter((one) => one !== id);
      continue;
    }
    if (next.vms.includes(id)) throw refuse(`VM ${id} is already a pool member`);
    const other = directory.poolOfGuest(id);
    if (other !== undefined) {
      if (!call.flag('allow-move'))
        throw refuse(`VM ${id} belongs already to pool '${other}' and 'allow-move' is not set`);
      call.demand(`/pool/${other}`, ['Pool.Allocate']);
      const from = robbed.get(other) ?? directory.pools.get(other);
      if (from) robbed.set(other, { ...from, vms: from.vms.filter((one) => one !== id) });
    }
    next.vms.push(id);
  }
  for (const id of splitList(call.text('storage') ?? '')) {
    mayModify(`/storage/${id}`);
    if (call.flag('delete')) {
      if (!next.storage.includes(id)) throw refuse(`Storage '${id}' is not a pool member`);
      next.storage = next.storage.filter((one) => one !== id);
    } else if (next.storage.includes(id)) throw refuse(`Storage '${id}' is already a pool member`);
    else next.storage.push(id);
  }
  for (const from of robbed.values()) directory.savePool(from);
  directory.savePool(next);
}

function create(call: Call): void {
  const { directory } = call.lab;
  const poolid = call.need('poolid');
  const refuse = (text: string) => fail(`create pool failed: ${text}`);
  if (directory.pools.has(poolid)) throw refuse(`pool '${poolid}' already exists`);
  const [, parent, leaf = poolid] = /^(.*)\/([^/]+)$/.exec(poolid) ?? [];
  if (parent !== undefined && !directory.pools.has(parent))
    throw refuse(`parent '${parent}' of pool '${poolid}' does not exist`);
  if (!/^[A-Za-z]/.test(leaf)) throw refuse('pool name must start with a letter');
  const comment = call.text('comment');
  directory.savePool({ poolid, vms: [], storage: [], ...(comment ? { comment } : {}) });
}

function remove(call: Call): void {
  const { lab } = call;
  const pool = existing(call, 'delete pool');
  const below = [...lab.directory.pools.keys()].sort().find((id) => id.startsWith(`${pool.poolid}/`));
  const guest = pool.vms.find((vmid) => lab.state.guests.has(vmid));
  const storage = pool.storage.find((id) => lab.state.storages.has(id));
  const inside =
    below !== undefined
      ? `pool '${below}'`
      : guest !== undefined
        ? `VM ${guest}`
        : storage === undefined
          ? undefined
          : `storage '${storage}'`;
  if (inside !== undefined) throw fail(`delete pool failed: pool '${pool.poolid}' is not empty (contains ${inside})`);
  lab.directory.deletePool(pool.poolid);
  lab.directory.dropAcl(({ path }) => path === `/pool/${pool.poolid}` || path.startsWith(`/pool/${pool.poolid}/`));
}

const read = async (call: Call) => {
  const pool = existing(call);
  return { ...(pool.comment === undefined ? {} : { comment: pool.comment }), members: await members(call, pool) };
};

export const poolHandlers: Handlers = {
  'GET /pools': async (call) => {
    const wanted = call.text('poolid');
    // Who asks for one pool by name sees it: the real server does not look at the answer of its own check.
    if (wanted !== undefined) return [{ poolid: wanted, ...(await read(call)) }];
    return [...call.lab.directory.pools.values()]
      .filter((pool) => call.can(`/pool/${pool.poolid}`, ['Pool.Audit']))
      .sort((left, right) => (left.poolid < right.poolid ? -1 : 1))
      .map((pool) => ({ poolid: pool.poolid, ...(pool.comment === undefined ? {} : { comment: pool.comment }) }));
  },
  'POST /pools': create,
  'PUT /pools': update,
  'DELETE /pools': remove,
  'GET /pools/{poolid}': read,
  'PUT /pools/{poolid}': update,
  'DELETE /pools/{poolid}': remove,
};
