/** HA: resources are kept; power verbs of a managed guest become tasks that end at once while the state changes later. */

import { startGuest, stopGuest } from '../guests/power.js';
import { fail } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import type { GuestType } from '../state/model.js';

interface Resource {
  readonly sid: string;
  readonly type: 'vm' | 'ct';
  state: string;
  comment?: string;
  group?: string;
  max_restart?: number;
  max_relocate?: number;
}

const sidOf = (type: GuestType, vmid: number) => `${type === 'qemu' ? 'vm' : 'ct'}:${vmid}`;

/** Undefined where HA does not manage the guest. */
export function haTask(call: Call, type: GuestType, verb: 'start' | 'stop'): string | undefined {
  const sid = sidOf(type, call.vmid);
  const resource = call.lab.journal.get<Resource>('ha-resource', sid);
  if (!resource) return undefined;
  const { lab, vmid } = call;
  return call.task(`ha${verb}`, vmid, async (task) => {
    task.log(`Requesting HA ${verb} for ${type === 'qemu' ? 'VM' : 'CT'} ${vmid}`);
    lab.journal.put('ha-resource', sid, { ...resource, state: verb === 'start' ? 'started' : 'stopped' });
    setImmediate(() => {
      const guest = lab.state.guests.get(vmid);
      if (!guest || Boolean(guest.running) === (verb === 'start')) return;
      const kind = `${type === 'qemu' ? 'qm' : 'vz'}${verb}`;
      lab.tasks.start({ node: guest.node, type: kind, id: String(vmid), user: 'root@pam' }, (next) =>
        verb === 'start' ? startGuest(lab, type, guest.node, vmid, next) : stopGuest(lab, type, guest.node, vmid, next),
      );
    });
  });
}

function normalizeSid(call: Call): { sid: string; vmid: number; type: 'vm' | 'ct' } {
  const given = call.need('sid');
  const vmid = Number(given.split(':').at(-1));
  const guest = call.lab.state.guests.get(vmid);
  if (!guest) throw fail(`unable to read config of guest '${vmid}': no such VM or CT`);
  const type = guest.type === 'qemu' ? 'vm' : 'ct';
  return { sid: `${type}:${vmid}`, vmid, type };
}

function existing(call: Call): Resource {
  const id = call.need('sid');
  const vmid = id.split(':').at(-1) ?? '';
  const resource = ['vm', 'ct']
    .map((type) => call.lab.journal.get<Resource>('ha-resource', `${type}:${vmid}`))
    .find((one) => one !== undefined);
  if (!resource) throw fail(`no such resource '${id}'`);
  return resource;
}

function change(call: Call, resource: Resource): Resource {
  const next = { ...resource };
  for (const key of ['state', 'comment', 'group'] as const) {
    const value = call.text(key);
    if (value !== undefined) next[key] = value === 'enabled' ? 'started' : value;
  }
  for (const key of ['max_restart', 'max_relocate'] as const) {
    const value = call.number(key);
    if (value !== undefined) next[key] = value;
  }
  return next;
}

export const haHandlers: Handlers = {
  'GET /cluster/ha': () => ['status', 'resources', 'groups', 'rules'].map((id) => ({ id })),
  'GET /cluster/ha/groups': () => [],
  'GET /cluster/ha/rules': () => [],
  'GET /cluster/ha/status': () => [{ name: 'current' }, { name: 'manager_status' }],
  'GET /cluster/ha/resources': (call) =>
    [...call.lab.journal.entries<Resource>('ha-resource')].map(([, resource]) => ({
      ...resource,
      digest: '0'.repeat(40),
    })),
  'POST /cluster/ha/resources': (call) => {
    const { sid, type } = normalizeSid(call);
    if (call.lab.journal.get('ha-resource', sid) !== undefined) throw fail(`resource ID '${sid}' already defined`);
    call.lab.journal.put('ha-resource', sid, change(call, { sid, type, state: 'started' }));
  },
  'GET /cluster/ha/resources/{sid}': (call) => ({ ...existing(call), digest: '0'.repeat(40) }),
  'PUT /cluster/ha/resources/{sid}': (call) => {
    const resource = change(call, existing(call));
    call.lab.journal.put('ha-resource', resource.sid, resource);
  },
  'DELETE /cluster/ha/resources/{sid}': (call) => {
    call.lab.journal.delete('ha-resource', existing(call).sid);
  },
  'GET /cluster/ha/status/current': (call) => [
    {
      id: 'quorum',
      type: 'quorum',
      node: call.lab.nodes[0],
      quorate: call.lab.faults.isQuorumLost() ? 0 : 1,
      status: call.lab.faults.isQuorumLost() ? 'No quorum!' : 'OK',
    },
    ...call.lab.nodes.map((node) => ({ id: `lrm:${node}`, type: 'lrm', node, status: `${node} (idle)` })),
    ...[...call.lab.journal.entries<Resource>('ha-resource')].map(([sid, resource]) => {
      const node = call.lab.state.guests.get(Number(sid.split(':')[1]))?.node ?? '';
      return {
        id: `service:${sid}`,
        type: 'service',
        sid,
        node,
        state: resource.state,
        request_state: resource.state,
        status: `${sid} (${node}, ${resource.state})`,
      };
    }),
  ],
  'GET /cluster/ha/status/manager_status': (call) => ({
    manager_status: {},
    quorum: { node: call.lab.nodes[0], quorate: call.lab.faults.isQuorumLost() ? '0' : '1' },
    lrm_status: {},
  }),
};
