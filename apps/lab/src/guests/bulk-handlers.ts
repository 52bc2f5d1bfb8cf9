/** The cluster's bulk actions: many guests of all nodes, each in a task of its own. */
import { forbidden } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import type { Guest } from '../state/model.js';
import type { TaskContext } from '../tasks/tasks.js';
import { ask, downOf, inOrder, startStopList, startupDelay, takeTurns, titleOf } from './bulk-run.js';

/** Seconds a shutdown of many waits for each. */
const STOP_SECONDS = 180;

interface Action {
  /** `start`: the task is `bulk-start`. */
  readonly name: string;
  /** Of the first line: `Starting all guests`. */
  readonly title: string;
  /** Of a task that failed. */
  readonly doing: string;
  /** Of the task's own error, up to the ids. */
  readonly failure: string;
  readonly suffix?: (call: Call) => string;
  readonly guests: (call: Call) => Guest[][];
  readonly width: number;
  /** Undefined where there is nothing to do, which it says as a warning. */
  readonly begin: (call: Call, guest: Guest, task: TaskContext) => string | undefined;
  readonly done?: (guest: Guest, task: TaskContext) => Promise<void>;
}

const wantedOf = (call: Call) => call.list('vms').map(Number);

function demand(call: Call, privileges: readonly string[]): void {
  const wanted = wantedOf(call);
  for (const vmid of wanted) call.demand(`/vms/${vmid}`, privileges);
  if (wanted.length === 0 && !call.can('/', privileges)) throw forbidden(`/, ${privileges.join(', ')}`);
}

function run(call: Call, action: Action): string {
  const { lab } = call;
  const wanted = wantedOf(call);
  const suffix = action.suffix?.(call) ?? '';
  const width =
    call.number('max-workers') ||
    call.number('maxworkers') ||
    Number(lab.journal.get('options', 'max_workers') ?? 0) ||
    action.width;
  const worker = async (task: TaskContext) => {
    task.log(
      wanted.length > 0
        ? `${action.title} guests${suffix}: ${wanted.join(', ')}`
        : `${action.title} all guests${suffix}`,
    );
    const failed: number[] = [];
    await takeTurns(call, task, action.guests(call), {
      width,
      begin: (guest) => action.begin(call, guest, task),
      refused: (guest, message) => {
        task.warn(message);
        failed.push(guest.vmid);
      },
      ended: async (guest, status, good) => {
        if (good) {
          await action.done?.(guest, task);
          return;
        }
        failed.push(guest.vmid);
        task.warn(`${action.doing} ${titleOf(guest)} failed: ${status}`);
      },
    });
    if (failed.length > 0) throw new Error(`${action.failure} ${failed.join(', ')}`);
  };
  return call.task(`bulk-${action.name}`, '', worker, lab.nodes[0] ?? '');
}

const list = (call: Call) => startStopList(call.lab, undefined, wantedOf(call));

const START: Action = {
  name: 'start',
  title: 'Starting',
  doing: 'Starting',
  failure: 'Some guests failed to start:',
  width: 4,
  guests: (call) => inOrder(list(call)),
  begin: (call, guest, task) => {
    const paused = guest.running?.paused === true;
    if (guest.running && !paused) {
      task.warn(`Skipping ${titleOf(guest)}, already running.`);
      return undefined;
    }
    task.log(`Starting ${titleOf(guest)}`);
    return ask(call, guest, paused ? 'status/resume' : 'status/start');
  },
  done: startupDelay,
};

const SHUTDOWN: Action = {
  name: 'shutdown',
  title: 'Shutting down',
  doing: 'Stopping',
  failure: 'Some guests failed to shutdown',
  width: 4,
  guests: (call) => inOrder(list(call), true),
  begin: (call, guest, task) => {
    const force = call.number('force-stop') ?? 1;
    if (!guest.running) task.warn(`Skipping ${titleOf(guest)}, not running.`);
    else if (guest.running.paused && call.number('force-stop') !== 1)
      task.warn(`Skipping ${titleOf(guest)}, resume paused VM before shutdown.`);
    else {
      const timeout = downOf(guest) ?? call.number('timeout') ?? STOP_SECONDS;
      task.log(`Shutting down ${titleOf(guest)} (Timeout = ${timeout} seconds)`);
      return ask(call, guest, 'status/shutdown', { timeout, forceStop: force });
    }
    return undefined;
  },
};

const SUSPEND: Action = {
  name: 'suspend',
  title: 'Suspending',
  doing: 'Stopping',
  failure: 'Some guests failed to suspend',
  width: 4,
  guests: (call) => inOrder(list(call), true),
  begin: (call, guest, task) => {
    if (guest.type !== 'qemu') task.warn(`skipping ${guest.vmid}, only VMs can be suspended`);
    else if (!guest.running) task.warn(`Skipping VM ${guest.vmid}, not running.`);
    else {
      task.log(`Suspending VM ${guest.vmid}`);
      const storage = call.text('statestorage');
      const toDisk = call.flag('to-disk');
      return ask(call, guest, 'status/suspend', {
        todisk: toDisk ? 1 : 0,
        ...(toDisk && storage !== undefined ? { statestorage: storage } : {}),
      });
    }
    return undefined;
  },
};

const MIGRATE: Action = {
  name: 'migrate',
  title: 'Migrating',
  doing: 'Migrating',
  failure: 'Some guests failed to migrate',
  width: 1,
  suffix: (call) => ` to ${call.need('target')}`,
  guests: (call) => {
    const wanted = wantedOf(call);
    const all = [...call.lab.state.guests.values()].sort((left, right) => left.vmid - right.vmid);
    return [all.filter((guest) => wanted.length === 0 || wanted.includes(guest.vmid))];
  },
  begin: (call, guest, task) => {
    const target = call.need('target');
    if (guest.node === target) {
      task.warn(`${titleOf(guest)} already on ${guest.node}, skipping.`);
      return undefined;
    }
    task.log(`Migrating ${titleOf(guest)}`);
    const given = (name: string, as = name) => {
      const value = call.number(name);
      return value === undefined ? {} : { [as]: value };
    };
    return ask(call, guest, 'migrate', {
      target,
      ...(guest.type === 'lxc' ? given('online', 'restart') : { ...given('online'), ...given('with-local-disks') }),
    });
  },
};

function suspend(call: Call): string {
  demand(call, ['VM.PowerMgmt']);
  if (call.flag('to-disk')) {
    demand(call, ['VM.Config.Disk']);
    const storage = call.text('statestorage');
    if (storage !== undefined) call.demand(`/storage/${storage}`, ['Datastore.AllocateSpace']);
  }
  return run(call, SUSPEND);
}

const after = (privilege: string, action: Action) => (call: Call) => {
  demand(call, [privilege]);
  return run(call, action);
};

export const bulkHandlers: Handlers = {
  'GET /cluster/bulk-action': () => [{ name: 'guest' }],
  'GET /cluster/bulk-action/guest': () => ['start', 'shutdown', 'migrate', 'suspend'].map((name) => ({ name })),
  'POST /cluster/bulk-action/guest/start': after('VM.PowerMgmt', START),
  'POST /cluster/bulk-action/guest/shutdown': after('VM.PowerMgmt', SHUTDOWN),
  'POST /cluster/bulk-action/guest/suspend': suspend,
  'POST /cluster/bulk-action/guest/migrate': after('VM.Migrate', MIGRATE),
};
