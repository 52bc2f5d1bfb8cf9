/** What the HA manager shows of itself: quorum, master, the agents of the nodes, and every resource. */
import type { Call, Handlers } from '../http/call.js';
import type { Lab } from '../lab.js';
import { type Resource, requested, type Service, serviceOf, vmidOf } from './ha-state.js';

/** As Perl writes local time: `Thu Nov 26 14:04:01 2026`. */
function perlTime(seconds: number): string {
  const [day = '', month = '', date = '', year = '', time = ''] = new Date(seconds * 1000).toString().split(' ');
  return `${day} ${month} ${String(Number(date)).padStart(2)} ${time} ${year}`;
}

/** The state for people: between what is asked for and what is. */
function verboseState(lab: Lab, resource: Resource, service: Service | undefined): string {
  const wanted = requested(resource);
  if (wanted === 'ignored') return 'ignored';
  const guest = lab.state.guests.get(vmidOf(resource.sid));
  if (!guest) return 'not found';
  if (!service) return 'queued';
  const { state } = service;
  if (state === 'stopped') return wanted === 'started' ? 'starting' : wanted === 'disabled' ? 'disabled' : state;
  if (state === 'started') {
    if (!guest.running) return 'starting';
    return wanted === 'stopped' || wanted === 'disabled' ? 'stopping' : state;
  }
  return state === 'error' && wanted === 'disabled' ? 'clearing error flag' : state;
}

function serviceRow(lab: Lab, resource: Resource): Record<string, unknown> {
  const { sid, type: _type, state: _state, ...attributes } = resource;
  const service = serviceOf(lab, sid);
  const node = service?.node ?? lab.state.guests.get(vmidOf(sid))?.node ?? '---';
  const state = verboseState(lab, resource, service);
  return {
    id: `service:${sid}`,
    type: 'service',
    node,
    ...(service ? { crm_state: service.state } : {}),
    state,
    status: `${sid} (${node}, ${state})`,
    request_state: requested(resource),
    ...attributes,
    sid,
  };
}

function agentRow(lab: Lab, node: string): Record<string, unknown> {
  const services = [...lab.journal.entries<Service>('ha-service')].map(([, service]) => service);
  const isActive = services.some((service) => service.node === node && service.state !== 'stopped');
  const isDown = lab.faults.isNodeDown(node);
  const text = isDown
    ? 'old timestamp - dead?, watchdog standby'
    : isActive
      ? 'active, watchdog active'
      : 'idle, watchdog standby';
  const timestamp = lab.ha.timestamp;
  return { id: `lrm:${node}`, type: 'lrm', node, status: `${node} (${text}, ${perlTime(timestamp)})`, timestamp };
}

function current(call: Call): unknown {
  const { lab } = call;
  const node = lab.nodes[0] ?? '';
  const lost = lab.faults.isQuorumLost();
  const running = lab.ha.isActive && lab.ha.timestamp > 0;
  const { master, timestamp } = lab.ha;
  const state = lost ? 'old timestamp - dead?' : 'active';
  return [
    {
      id: 'quorum',
      type: 'quorum',
      node,
      status: lost ? `No quorum on node '${node}'!` : 'OK',
      quorate: lost ? 0 : 1,
    },
    ...(running
      ? [
          {
            id: 'master',
            type: 'master',
            node: master,
            status: `${master} (${state}, ${perlTime(timestamp)})`,
            timestamp,
          },
        ]
      : []),
    {
      id: 'fencing',
      type: 'fencing',
      node: running ? master : node,
      status: running && !lost ? 'armed (CRM watchdog active)' : 'standby (CRM watchdog standby)',
      'armed-state': running && !lost ? 'armed' : 'standby',
    },
    ...(running ? lab.nodes.map((one) => agentRow(lab, one)) : []),
    ...[...lab.journal.entries<Resource>('ha-resource')]
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([, resource]) => serviceRow(lab, resource)),
  ];
}

function managerStatus(call: Call): unknown {
  const { lab } = call;
  const quorum = { node: lab.nodes[0], quorate: lab.faults.isQuorumLost() ? '' : '1' };
  if (!lab.ha.isActive || lab.ha.timestamp === 0) return { manager_status: {}, quorum };
  const { master, timestamp } = lab.ha;
  return {
    manager_status: {
      master_node: master,
      timestamp,
      node_status: Object.fromEntries(lab.nodes.map((node) => [node, lab.ha.nodeState(node)])),
      service_status: Object.fromEntries(
        [...lab.journal.entries<Service>('ha-service')].map(([sid, { node, state, target }]) => [
          sid,
          { node, state, ...(target === undefined ? {} : { target }) },
        ]),
      ),
    },
    quorum,
    lrm_status: Object.fromEntries(lab.nodes.map((node) => [node, { mode: 'active', state: 'active', timestamp }])),
  };
}

export const haStatusHandlers: Handlers = {
  'GET /cluster/ha/status': () => ['current', 'manager_status', 'disarm-ha', 'arm-ha'].map((name) => ({ name })),
  'GET /cluster/ha/status/current': current,
  'GET /cluster/ha/status/manager_status': managerStatus,
};
