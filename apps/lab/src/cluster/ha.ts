/** HA resources and rules; power verbs of a managed guest become tasks that end at once while the manager acts later. */
import { fail } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import { splitList } from '../schema/formats.js';
import type { GuestType } from '../state/model.js';
import {
  isManaged,
  leaveRules,
  type RequestState,
  type Resource,
  type Rule,
  requested,
  resourceOf,
  serviceOf,
  sidOf,
} from './ha-state.js';
import { checkDigest, digestOf } from './sections.js';

const RESOURCES = { collection: 'ha-resource' } as const;
const RULES = { collection: 'ha-rule' } as const;

/** Undefined where HA does not manage the guest. */
export function haTask(call: Call, type: GuestType, verb: 'start' | 'stop'): string | undefined {
  const { lab, vmid } = call;
  if (!isManaged(lab, { type, vmid })) return undefined;
  const sid = sidOf({ type, vmid });
  return call.task(`ha${verb}`, vmid, async (task) => {
    task.log(`Requesting HA ${verb} for ${type === 'qemu' ? 'VM' : 'CT'} ${vmid}`);
    const resource = resourceOf(lab, sid);
    if (!resource) throw new Error(`service '${sid}' is not HA managed`);
    lab.journal.put('ha-resource', sid, { ...resource, state: verb === 'start' ? 'started' : 'stopped' });
    lab.ha.kick();
  });
}

/** `100` or `vm:100`; the number alone finds its own type. */
function parseSid(call: Call, text = call.need('sid')): { sid: string; type: 'vm' | 'ct'; vmid: number } {
  if (/^\d+$/.test(text)) {
    const guest = call.lab.state.guests.get(Number(text));
    if (!guest) throw fail(`unable to detect SID from VMID - VM/CT ${text} does not exist`);
    return { sid: sidOf(guest), type: guest.type === 'qemu' ? 'vm' : 'ct', vmid: guest.vmid };
  }
  const [, type, name] = /^(vm|ct):(\d+)$/.exec(text) ?? [];
  if (!type || !name) throw fail(`unable to parse service id '${text}'`);
  return { sid: text, type: type as 'vm' | 'ct', vmid: Number(name) };
}

function existing(call: Call): Resource {
  const { sid } = parseSid(call);
  const resource = resourceOf(call.lab, sid);
  if (!resource) throw fail(`no such resource '${sid}'`);
  return resource;
}

function checkExists(call: Call, type: 'vm' | 'ct', vmid: number): void {
  const guest = call.lab.state.guests.get(vmid);
  if (!guest) throw fail(`resource '${type}:${vmid}' does not exist in cluster`);
  if (guest.type !== (type === 'vm' ? 'qemu' : 'lxc'))
    throw fail(`resource '${type}:${vmid}' - guest with ID ${vmid} is not a ${type === 'vm' ? 'VM' : 'CT'}`);
}

/** In error it hears only that it shall be disabled. */
function checkState(call: Call, sid: string, wanted?: string): void {
  if (serviceOf(call.lab, sid)?.state === 'error' && wanted !== 'disabled')
    throw fail(`service '${sid}' in error state, must be disabled and fixed first`);
}

function change(call: Call, resource: Resource): Resource {
  const next = { ...resource };
  const state = call.text('state');
  if (state !== undefined) next.state = (state === 'enabled' ? 'started' : state) as RequestState;
  const comment = call.text('comment');
  if (comment !== undefined) next.comment = comment;
  for (const key of ['max_restart', 'max_relocate'] as const) {
    const value = call.number(key);
    if (value !== undefined) next[key] = value;
  }
  const failback = call.number('failback');
  if (failback !== undefined) next.failback = failback === 0 ? 0 : 1;
  for (const key of splitList(call.text('delete') ?? '')) delete next[key as 'comment'];
  return next;
}

function createResource(call: Call): void {
  const { sid, type, vmid } = parseSid(call);
  if (call.text('type') !== undefined && call.text('type') !== type) throw fail('types does not match');
  if (call.text('group') !== undefined) throw fail("invalid parameter 'group': ha groups have been migrated to rules");
  checkExists(call, type, vmid);
  if (resourceOf(call.lab, sid)) throw fail(`create resource failed: resource ID '${sid}' already defined`);
  call.lab.journal.put('ha-resource', sid, change(call, { sid, type }));
  call.lab.ha.kick();
}

function updateResource(call: Call): void {
  const { sid } = parseSid(call);
  if (call.text('group') !== undefined) throw fail("invalid parameter 'group': ha groups have been migrated to rules");
  checkState(call, sid, call.text('state'));
  const before = resourceOf(call.lab, sid);
  if (!before) throw fail(`updating resource configs failed: no such resource '${sid}'`);
  checkDigest(call, digestOf(call.lab, RESOURCES));
  call.lab.journal.put('ha-resource', sid, change(call, before));
  call.lab.ha.kick();
}

function deleteResource(call: Call): void {
  const { sid } = parseSid(call);
  if (!resourceOf(call.lab, sid)) throw fail(`cannot delete service '${sid}', not HA managed!`);
  call.lab.journal.delete('ha-resource', sid);
  if (call.number('purge') === 0) return;
  leaveRules(call.lab, sid);
}

function sendTo(call: Call, verb: 'migrate' | 'relocate'): unknown {
  const { sid } = parseSid(call);
  const resource = resourceOf(call.lab, sid);
  if (!resource || requested(resource) === 'ignored') throw fail(`resource '${sid}' is not HA managed`);
  checkState(call, sid);
  call.lab.ha.request(sid, verb, call.need('node'));
  return { sid, 'requested-node': call.need('node') };
}

const resourceRow = (call: Call, resource: Resource) => ({ ...resource, digest: digestOf(call.lab, RESOURCES) });

function ruleRow(call: Call, id: string, rule: Rule): Record<string, unknown> {
  const order = [...call.lab.journal.entries('ha-rule')].findIndex(([other]) => other === id) + 1;
  return {
    ...rule,
    ...(rule.type === 'node-affinity' ? { strict: rule.strict ?? 0 } : {}),
    rule: id,
    order,
    digest: digestOf(call.lab, RULES),
  };
}

/** Throws where the rule names what is not there; `doing` is what failed then. */
function checkedRule(call: Call, rule: Rule, doing: string): Rule {
  const resources = [...new Set(splitList(rule.resources))].sort();
  if (resources.length === 0) throw fail(`${doing}: no resources were specified`);
  const unmanaged = resources.filter((sid) => !resourceOf(call.lab, sid));
  if (unmanaged.length > 0) throw fail(`${doing}: cannot use unmanaged resource(s) ${unmanaged.join(', ')}.`);
  if (rule.type === 'resource-affinity') {
    if (resources.length < 2) throw fail(`${doing}: rule is not feasible: rule is defined for less than two resources`);
    return { ...rule, resources: resources.join(',') };
  }
  const nodes = splitList(rule.nodes ?? '').sort();
  if (nodes.length === 0) throw fail(`${doing}: no nodes were specified`);
  const strange = nodes.map((node) => node.split(':')[0] ?? '').filter((node) => !call.lab.nodes.includes(node));
  if (strange.length > 0) throw fail(`${doing}: cannot use non-existent node(s) ${strange.join(', ')}.`);
  return { ...rule, resources: resources.join(','), nodes: nodes.join(',') };
}

function givenRule(call: Call): Partial<Rule> {
  const rule: Record<string, unknown> = {};
  for (const key of ['comment', 'nodes', 'resources', 'affinity', 'strict', 'disable'] as const)
    if (call.parameters[key] !== undefined) rule[key] = call.parameters[key];
  if (rule.disable === 0) delete rule.disable;
  return rule as Partial<Rule>;
}

function createRule(call: Call): void {
  const id = call.need('rule');
  const type = call.need('type') as Rule['type'];
  if (call.lab.journal.get('ha-rule', id) !== undefined)
    throw fail(`create ha rule failed: HA rule '${id}' already defined`);
  const rule = checkedRule(
    call,
    { ...givenRule(call), type, resources: call.need('resources') },
    'create ha rule failed',
  );
  call.lab.journal.put('ha-rule', id, rule);
  call.lab.ha.kick();
}

function updateRule(call: Call): void {
  const id = call.need('rule');
  const doing = 'update HA rules failed';
  const before = call.lab.journal.get<Rule>('ha-rule', id);
  if (!before) throw fail(`${doing}: HA rule '${id}' does not exist`);
  checkDigest(call, digestOf(call.lab, RULES));
  const next: Rule = { ...before, ...givenRule(call) };
  for (const key of splitList(call.text('delete') ?? '')) delete next[key as 'comment'];
  if (call.number('disable') === 0) delete next.disable;
  call.lab.journal.put('ha-rule', id, checkedRule(call, next, doing));
  call.lab.ha.kick();
}

const migrated = (what: string) => () => {
  throw fail(`cannot ${what}: ha groups have been migrated to rules`);
};

export const haHandlers: Handlers = {
  'GET /cluster/ha': () => ['status', 'resources', 'groups', 'rules'].map((id) => ({ id })),
  'GET /cluster/ha/groups': migrated('index groups'),
  'GET /cluster/ha/groups/{group}': migrated('read group'),
  'POST /cluster/ha/groups': migrated('create group'),
  'PUT /cluster/ha/groups/{group}': migrated('update group'),
  'DELETE /cluster/ha/groups/{group}': migrated('delete group'),
  'GET /cluster/ha/rules': (call) =>
    [...call.lab.journal.entries<Rule>('ha-rule')]
      .filter(([, rule]) => call.text('type') === undefined || rule.type === call.text('type'))
      .filter(
        ([, rule]) =>
          call.text('resource') === undefined ||
          splitList(rule.resources).includes(parseSid(call, call.need('resource')).sid),
      )
      .map(([id, rule]) => ruleRow(call, id, rule)),
  'POST /cluster/ha/rules': createRule,
  'GET /cluster/ha/rules/{rule}': (call) => {
    const rule = call.lab.journal.get<Rule>('ha-rule', call.need('rule'));
    if (!rule) throw fail(`no such ha rule '${call.need('rule')}'`);
    return ruleRow(call, call.need('rule'), rule);
  },
  'PUT /cluster/ha/rules/{rule}': updateRule,
  'DELETE /cluster/ha/rules/{rule}': (call) => {
    call.lab.journal.delete('ha-rule', call.need('rule'));
    call.lab.ha.kick();
  },
  'GET /cluster/ha/resources': (call) =>
    [...call.lab.journal.entries<Resource>('ha-resource')]
      .filter(([, resource]) => call.text('type') === undefined || resource.type === call.text('type'))
      .map(([, resource]) => resourceRow(call, resource)),
  'POST /cluster/ha/resources': createResource,
  'GET /cluster/ha/resources/{sid}': (call) => resourceRow(call, existing(call)),
  'PUT /cluster/ha/resources/{sid}': updateResource,
  'DELETE /cluster/ha/resources/{sid}': deleteResource,
  'POST /cluster/ha/resources/{sid}/migrate': (call) => sendTo(call, 'migrate'),
  'POST /cluster/ha/resources/{sid}/relocate': (call) => sendTo(call, 'relocate'),
};
