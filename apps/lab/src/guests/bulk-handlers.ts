/** What a node does to all its guests: startall, stopall, suspendall, migrateall. */
import { fail, forbidden, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import { splitList } from '../schema/formats.js';
import type { Parameters } from '../schema/validate.js';
import type { Guest } from '../state/model.js';
import type { TaskContext } from '../tasks/tasks.js';
import { demandOnAll, errorOf, guestsIn, label, startOne, startupOf } from './bulk-run.js';
import { migrateHandlers, obstacles } from './migrate.js';
import { powerHandlers } from './power-handlers.js';

/** Seconds a shutdown of many waits for each. */
const STOP_SECONDS = 180;

interface Action {
  readonly task: string;
  readonly privileges: readonly string[];
  readonly takes: (guest: Guest, call: Call) => boolean;
  readonly backwards: boolean;
  readonly doing: string;
  readonly verb: string;
  readonly parameters: (call: Call, guest: Guest) => Parameters;
}

const STARTALL: Action = {
  task: 'startall',
  privileges: ['VM.PowerMgmt'],
  // Without `force` a node starts only what starts with it.
  takes: (guest, call) => !guest.running && (call.flag('force') || guest.config.onboot === 1),
  backwards: false,
  doing: 'Starting',
  verb: 'status/start',
  parameters: () => ({}),
};
const STOPALL: Action = {
  task: 'stopall',
  privileges: ['VM.PowerMgmt'],
  takes: (guest) => guest.running !== undefined,
  backwards: true,
  doing: 'Stopping',
  verb: 'status/shutdown',
  parameters: (call, guest) => ({
    timeout: startupOf(guest, 'down') ?? call.number('timeout') ?? STOP_SECONDS,
    forceStop: call.number('force-stop') ?? 1,
  }),
};
const SUSPENDALL: Action = {
  task: 'suspendall',
  privileges: ['VM.PowerMgmt', 'VM.Config.Disk'],
  takes: (guest) => guest.type === 'qemu' && guest.running !== undefined,
  backwards: true,
  doing: 'Suspending',
  verb: 'status/suspend',
  parameters: () => ({ todisk: 1 }),
};

const wantedOf = (call: Call) => splitList(call.text('vms') ?? '').map(Number);

function demand(call: Call, { privileges }: Action, wanted: readonly number[]): void {
  if (call.can('/', privileges)) return;
  if (wanted.length === 0) throw forbidden(`/, ${privileges.join(' && ')}`);
  demandOnAll(call, ['VM.PowerMgmt'], wanted);
}

async function runOne(call: Call, action: Action, guest: Guest, task: TaskContext): Promise<void> {
  task.log(`${action.doing} ${label(guest)}`);
  try {
    const upid = await startOne(call, powerHandlers, guest, action.verb, action.parameters(call, guest));
    const error = await errorOf(call, upid, task);
    if (error !== undefined) task.log(`${action.doing} ${label(guest)} failed: ${error}`);
  } catch (error) {
    task.signal.throwIfAborted();
    task.log((error as Error).message);
  }
}

function all(call: Call, action: Action): string {
  const wanted = wantedOf(call);
  demand(call, action, wanted);
  return call.task(action.task, '', async (task) => {
    const guests = guestsIn(call, wanted, call.node).filter((guest) => action.takes(guest, call));
    if (action.backwards) guests.reverse();
    for (const guest of guests) await runOne(call, action, guest, task);
  });
}

/** Whether its migration was started. */
async function moveOne(call: Call, guest: Guest, task: TaskContext): Promise<string | undefined> {
  const target = call.need('target');
  const online = guest.running ? 1 : 0;
  const withDisks = call.number('with-local-disks');
  if (guest.type === 'qemu') {
    const found = obstacles(call.lab, guest, target, online === 1 && !withDisks);
    if (found.length > 0) {
      task.log(`Check VM ${guest.vmid}: skip VM ${guest.vmid} - precondition check failed:`);
      for (const line of found) task.log(`  ${line}`);
      return undefined;
    }
    task.log(`Check VM ${guest.vmid}: precondition check passed`);
  }
  task.log(`Migrating ${label(guest)}`);
  const how: Parameters =
    guest.type === 'lxc'
      ? { restart: online }
      : { online, ...(withDisks === undefined ? {} : { 'with-local-disks': withDisks }) };
  try {
    return await startOne(call, migrateHandlers, guest, 'migrate', { target, ...how });
  } catch (error) {
    task.log((error as Error).message);
    return undefined;
  }
}

function migrateAll(call: Call): string {
  const { lab } = call;
  const wanted = wantedOf(call);
  if (!call.can('/', ['VM.Migrate'])) demandOnAll(call, ['VM.Migrate'], wanted);
  const target = call.need('target');
  if (target === call.node) throw parameterError({ target: 'target is local node.' });
  if (!lab.nodes.includes(target)) throw fail(`no such cluster node '${target}'`);
  const workers = call.number('max-workers') ?? call.number('maxworkers') ?? lab.journal.get('options', 'max_workers');
  if (!workers) throw fail("either 'max-workers' parameter or max_workers in datacenter.cfg must be set!");
  return call.task('migrateall', '', async (task) => {
    const guests = [...lab.state.guests.values()]
      .filter((guest) => guest.node === call.node && (wanted.length === 0 || wanted.includes(guest.vmid)))
      .sort((left, right) => (String(left.vmid) < String(right.vmid) ? -1 : 1));
    if (guests.length === 0) return task.log('no virtual guests matched, nothing to do..');
    let started = 0;
    for (const guest of guests) {
      const upid = await moveOne(call, guest, task);
      if (upid === undefined) continue;
      started += 1;
      await errorOf(call, upid, task);
    }
    if (started === 0) throw new Error('no migrations worker started...');
    task.log(`All jobs finished, used ${started} workers in total.`);
  });
}

export const bulkHandlers: Handlers = {
  'POST /nodes/{node}/startall': (call) => all(call, STARTALL),
  'POST /nodes/{node}/stopall': (call) => all(call, STOPALL),
  'POST /nodes/{node}/suspendall': (call) => all(call, SUSPENDALL),
  'POST /nodes/{node}/migrateall': migrateAll,
};
