/** Bulk actions of the cluster: many guests on any node, and an end that names those it did not work for. */
import type { Call, Handlers } from '../http/call.js';
import type { Parameters } from '../schema/validate.js';
import type { Guest } from '../state/model.js';
import type { TaskContext } from '../tasks/tasks.js';
import { demandOnAll, errorOf, guestsIn, label, startOne, startupOf } from './bulk-run.js';
import { migrateHandlers } from './migrate.js';
import { powerHandlers } from './power-handlers.js';

const STOP_SECONDS = 180;
const HANDLERS: Handlers = { ...powerHandlers, ...migrateHandlers };

interface BulkAction {
  readonly task: string;
  readonly privilege: string;
  /** `Starting all guests`. */
  readonly begin: (call: Call) => readonly [doing: string, where?: string];
  /** `Some guests failed to …`. */
  readonly failed: string;
  /** `Stopping VM 100 failed`. */
  readonly doing: string;
  readonly backwards?: true;
  /** Why a guest is left out, with a warning. */
  readonly skip: (guest: Guest, call: Call) => string | undefined;
  readonly one: (guest: Guest, call: Call) => readonly [verb: string, line: string, parameters: Parameters];
}

const notRunning = (guest: Guest) => (guest.running ? undefined : `Skipping ${label(guest)}, not running.`);
const sent = (call: Call, name: string): Parameters => {
  const value = call.parameters[name];
  return value === undefined ? {} : { [name]: value };
};

const START: BulkAction = {
  task: 'bulk-start',
  privilege: 'VM.PowerMgmt',
  begin: () => ['Starting'],
  failed: 'start:',
  doing: 'Starting',
  skip: (guest) =>
    guest.running && !guest.running.paused && guest.type === 'qemu'
      ? `Skipping ${label(guest)}, already running.`
      : undefined,
  one: (guest, call) => {
    const verb = guest.running ? 'resume' : 'start';
    const parameters = verb === 'start' && guest.type === 'qemu' ? sent(call, 'timeout') : {};
    return [`status/${verb}`, `Starting ${label(guest)}`, parameters];
  },
};
const SHUTDOWN: BulkAction = {
  task: 'bulk-shutdown',
  privilege: 'VM.PowerMgmt',
  begin: () => ['Shutting down'],
  failed: 'shutdown',
  doing: 'Stopping',
  backwards: true,
  skip: (guest, call) =>
    guest.running?.paused && !call.flag('force-stop')
      ? `Skipping ${label(guest)}, resume paused VM before shutdown.`
      : notRunning(guest),
  one: (guest, call) => {
    const timeout = startupOf(guest, 'down') ?? call.number('timeout') ?? STOP_SECONDS;
    return [
      'status/shutdown',
      `Shutting down ${label(guest)} (Timeout = ${timeout} seconds)`,
      { forceStop: call.number('force-stop') ?? 1, timeout },
    ];
  },
};
const SUSPEND: BulkAction = {
  task: 'bulk-suspend',
  privilege: 'VM.PowerMgmt',
  begin: () => ['Suspending'],
  failed: 'suspend',
  doing: 'Stopping',
  backwards: true,
  skip: (guest) => (guest.type === 'lxc' ? `skipping ${guest.vmid}, only VMs can be suspended` : notRunning(guest)),
  one: (guest, call) => [
    'status/suspend',
    `Suspending VM ${guest.vmid}`,
    { todisk: call.number('to-disk') ?? 0, ...(call.flag('to-disk') ? sent(call, 'statestorage') : {}) },
  ],
};
const MIGRATE: BulkAction = {
  task: 'bulk-migrate',
  privilege: 'VM.Migrate',
  begin: (call) => ['Migrating', `to ${call.need('target')}`],
  failed: 'migrate',
  doing: 'Migrating',
  skip: (guest, call) =>
    guest.node === call.need('target') ? `${label(guest)} already on ${guest.node}, skipping.` : undefined,
  one: (guest, call) => {
    const online = call.number('online');
    const how: Parameters = online === undefined ? {} : { [guest.type === 'lxc' ? 'restart' : 'online']: online };
    return [
      'migrate',
      `Migrating ${label(guest)}`,
      { target: call.need('target'), ...how, ...(guest.type === 'qemu' ? sent(call, 'with-local-disks') : {}) },
    ];
  },
};

/** Whether it went well. */
async function runOne(call: Call, action: BulkAction, guest: Guest, task: TaskContext): Promise<boolean> {
  const skipped = action.skip(guest, call);
  if (skipped !== undefined) {
    task.warn(skipped);
    return true;
  }
  const [verb, line, parameters] = action.one(guest, call);
  task.log(line);
  try {
    const error = await errorOf(call, await startOne(call, HANDLERS, guest, verb, parameters), task);
    if (error !== undefined) task.warn(`${action.doing} ${label(guest)} failed: ${error}`);
    return error === undefined;
  } catch (error) {
    task.signal.throwIfAborted();
    task.warn((error as Error).message);
    return false;
  }
}

function chosen(call: Call, action: BulkAction, wanted: readonly number[]): Guest[] {
  if (action !== MIGRATE) {
    const guests = guestsIn(call, wanted);
    return action.backwards ? guests.reverse() : guests;
  }
  return [...call.lab.state.guests.values()]
    .filter((guest) => wanted.length === 0 || wanted.includes(guest.vmid))
    .sort((left, right) => left.vmid - right.vmid);
}

const bulk = (action: BulkAction) => (call: Call) => {
  const wanted = call.list('vms').map(Number);
  demandOnAll(call, [action.privilege], wanted);
  return call.task(
    action.task,
    '',
    async (task) => {
      const [doing, where] = action.begin(call);
      const suffix = where === undefined ? '' : ` ${where}`;
      task.log(wanted.length > 0 ? `${doing} guests${suffix}: ${wanted.join(', ')}` : `${doing} all guests${suffix}`);
      const failed: number[] = [];
      for (const guest of chosen(call, action, wanted))
        if (!(await runOne(call, action, guest, task))) failed.push(guest.vmid);
      if (failed.length > 0) throw new Error(`Some guests failed to ${action.failed} ${failed.join(', ')}`);
    },
    call.lab.nodes[0] ?? '',
  );
};

export const bulkActionHandlers: Handlers = {
  'GET /cluster/bulk-action': () => [{ name: 'guest' }],
  'GET /cluster/bulk-action/guest': () => ['start', 'shutdown', 'migrate', 'suspend'].map((name) => ({ name })),
  'POST /cluster/bulk-action/guest/start': bulk(START),
  'POST /cluster/bulk-action/guest/shutdown': bulk(SHUTDOWN),
  'POST /cluster/bulk-action/guest/suspend': bulk(SUSPEND),
  'POST /cluster/bulk-action/guest/migrate': bulk(MIGRATE),
};
