/** Resource pools. */

import type { PoolRecord } from '../access/directory.js';
import { nameOf, statusOf } from '../guests/status.js';
import { fail, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import { splitList } from '../schema/formats.js';

function existing(call: Call): PoolRecord {
  const pool = call.lab.directory.pools.get(call.need('poolid'));
  if (!pool) throw fail(`pool '${call.need('poolid')}' does not exist`);
  return pool;
}

function members(call: Call, pool: PoolRecord): unknown[] {
  const type = call.text('type');
  const guests = pool.vms.flatMap((vmid) => {
    const guest = call.lab.state.guests.get(vmid);
    if (!guest || (type !== undefined && type !== guest.type)) return [];
    return [
      {
        id: `${guest.type}/${vmid}`,
        type: guest.type,
        vmid,
        node: guest.node,
        name: nameOf(guest),
        status: statusOf(guest),
      },
    ];
  });
  const storages =
    type === undefined || type === 'storage'
      ? pool.storage.flatMap((storage) =>
          call.lab.nodes.map((node) => ({
            id: `storage/${node}/${storage}`,
            type: 'storage',
            storage,
            node,
            status: 'available',
          })),
        )
      : [];
  return [...guests, ...storages];
}

function update(call: Call): void {
  const pool = existing(call);
  const next: PoolRecord = { ...pool, vms: [...pool.vms], storage: [...pool.storage] };
  const comment = call.text('comment');
  if (comment !== undefined) next.comment = comment;
  for (const id of splitList(call.text('vms') ?? '').map(Number)) {
    call.demand(`/vms/${id}`, ['Permissions.Modify']);
    if (call.flag('delete')) {
      if (!next.vms.includes(id)) throw fail(`update pools failed: VM ${id} is not a pool member`);
      next.vms = next.vms.filter((one) => one !== id);
      continue;
    }
    if (!call.lab.state.guests.has(id))
      throw fail(
        `update pools failed: guest ${id} does not exist`.replace(
          'update pools failed: guest',
          'update pools failed: VM',
        ),
      );
    const other = call.lab.directory.poolOfGuest(id);
    if (other !== undefined && other !== pool.poolid) {
      if (!call.flag('allow-move'))
        throw fail(`update pools failed: VM ${id} belongs already to pool '${other}' and 'allow-move' is not set`);
      const from = call.lab.directory.pools.get(other);
      if (from) call.lab.directory.savePool({ ...from, vms: from.vms.filter((one) => one !== id) });
    }
    if (other === pool.poolid) throw fail(`update pools failed: VM ${id} is already a pool member`);
    next.vms.push(id);
  }
  for (const id of splitList(call.text('storage') ?? '')) {
    if (call.flag('delete')) next.storage = next.storage.filter((one) => one !== id);
    else if (!call.lab.state.storages.has(id)) throw fail(`update pools failed: Storage '${id}' does not exist`);
    else next.storage = [...new Set([...next.storage, id])];
  }
  call.lab.directory.savePool(next);
}

function remove(call: Call): void {
  const pool = existing(call);
  if (pool.vms.length > 0 || pool.storage.length > 0)
    throw fail(`delete pool failed: pool '${pool.poolid}' is not empty`);
  call.lab.directory.deletePool(pool.poolid);
}

const read = (call: Call) => {
  const pool = existing(call);
  return { ...(pool.comment ? { comment: pool.comment } : {}), members: members(call, pool) };
};

export const poolHandlers: Handlers = {
  'GET /pools': (call) => {
    const wanted = call.text('poolid');
    if (wanted !== undefined) {
      call.demand(`/pool/${wanted}`, ['Pool.Audit']);
      return [{ poolid: wanted, ...read(call) }];
    }
    return [...call.lab.directory.pools.values()]
      .filter((pool) => call.can(`/pool/${pool.poolid}`, ['Pool.Allocate', 'Pool.Audit'], true))
      .map((pool) => ({ poolid: pool.poolid, ...(pool.comment ? { comment: pool.comment } : {}) }));
  },
  'POST /pools': (call) => {
    const poolid = call.need('poolid');
    if (call.lab.directory.pools.has(poolid)) throw fail(`create pool failed: pool '${poolid}' already exists`);
    const parent = poolid.includes('/') ? poolid.slice(0, poolid.lastIndexOf('/')) : undefined;
    if (parent !== undefined && !call.lab.directory.pools.has(parent))
      throw parameterError({ poolid: `parent '${parent}' of pool '${poolid}' does not exist` });
    const comment = call.text('comment');
    call.lab.directory.savePool({ poolid, vms: [], storage: [], ...(comment ? { comment } : {}) });
  },
  'PUT /pools': update,
  'DELETE /pools': remove,
  'GET /pools/{poolid}': read,
  'PUT /pools/{poolid}': update,
  'DELETE /pools/{poolid}': remove,
};
