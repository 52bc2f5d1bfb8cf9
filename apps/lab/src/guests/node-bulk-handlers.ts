/** startall, stopall, suspendall and migrateall of a node. */
import { cpus } from 'node:os';
import { fail, forbidden, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import { splitList } from '../schema/formats.js';
import type { Guest } from '../state/model.js';
import type { TaskContext, TaskWorker } from '../tasks/tasks.js';
import { ask, downOf, inOrder, startStopList, startupDelay, takeTurns, titleOf } from './bulk-run.js';
import { migrationObstacles } from './migrate-conditions.js';

/** Seconds a shutdown of many waits for each. */
const STOP_SECONDS = 180;

const wantedOf = (call: Call) => splitList(call.text('vms') ?? '').map(Number);

function demand(call: Call, privileges: readonly string[]): void {
  if (call.can('/', privileges)) return;
  const wanted = wantedOf(call);
  if (wanted.length === 0) throw forbidden(`/, ${privileges.join(' && ')}`);
  for (const vmid of wanted) call.demand(`/vms/${vmid}`, privileges.slice(0, 1));
}

/** As asked for, as the datacenter says, else by the node's processors. */
const widthOf = (call: Call) =>
  call.number('max-workers') ??
  (Number(call.lab.journal.get('options', 'max_workers') ?? 0) || Math.min(Math.max(1, cpus().length - 1), 8));

const fork = (call: Call, kind: string, worker: TaskWorker) => call.task(kind, '', worker);

function startAll(call: Call): string {
  demand(call, ['VM.PowerMgmt']);
  return fork(call, 'startall', async (task) => {
    const guests = startStopList(call.lab, call.node, wantedOf(call)).filter(
      (guest) => call.flag('force') || guest.config.onboot === 1,
    );
    await takeTurns(call, task, inOrder(guests), {
      width: widthOf(call),
      begin: (guest) => {
        if (guest.running) return undefined;
        task.log(`Starting ${titleOf(guest)}`);
        return ask(call, guest, 'status/start');
      },
      refused: (_guest, message) => task.log(message),
      ended: async (guest, status, good) => {
        if (!good) task.log(`Starting ${titleOf(guest)} failed: ${status}`);
        await startupDelay(guest, task);
      },
    });
  });
}

/** Guests of one order, the last id first. */
const lastFirst = (guests: readonly Guest[]) => inOrder(guests, true).map((group) => [...group].reverse());

function stopAll(call: Call): string {
  demand(call, ['VM.PowerMgmt']);
  return fork(call, 'stopall', async (task) => {
    await takeTurns(call, task, lastFirst(startStopList(call.lab, call.node, wantedOf(call))), {
      width: widthOf(call),
      begin: (guest) => {
        if (!guest.running) return undefined;
        const timeout = downOf(guest) ?? call.number('timeout') ?? STOP_SECONDS;
        task.log(`Stopping ${titleOf(guest)} (timeout = ${timeout} seconds)`);
        return ask(call, guest, 'status/shutdown', { timeout, forceStop: call.number('force-stop') ?? 1 });
      },
      refused: (_guest, message) => task.log(message),
    });
  });
}

function suspendAll(call: Call): string {
  demand(call, ['VM.PowerMgmt', 'VM.Config.Disk']);
  return fork(call, 'suspendall', async (task) => {
    await takeTurns(call, task, lastFirst(startStopList(call.lab, call.node, wantedOf(call))), {
      width: widthOf(call),
      begin: (guest) => {
        if (guest.type !== 'qemu') task.warn(`skipping ${guest.vmid}, only VMs can be suspended`);
        else if (!guest.running) task.log(`VM ${guest.vmid} not running, skipping suspension`);
        else {
          task.log(`Suspending VM ${guest.vmid}`);
          return ask(call, guest, 'status/suspend', { todisk: 1 });
        }
        return undefined;
      },
      refused: (_guest, message) => task.log(message),
    });
  });
}

function migrateOne(call: Call, guest: Guest, target: string, task: TaskContext): string {
  const online = guest.running ? 1 : 0;
  if (guest.type === 'lxc') {
    task.log(`Migrating CT ${guest.vmid}`);
    return ask(call, guest, 'migrate', { target, restart: online });
  }
  const found = migrationObstacles(call.lab, guest, target, online === 1 && !call.flag('with-local-disks'));
  if (found.length > 0) {
    task.log(`Check VM ${guest.vmid}: skip VM ${guest.vmid} - precondition check failed:`);
    throw fail(found.map((line) => `  ${line}`).join('\n'));
  }
  task.log(`Check VM ${guest.vmid}: precondition check passed`);
  task.log(`Migrating VM ${guest.vmid}`);
  const disks = call.number('with-local-disks');
  return ask(call, guest, 'migrate', { target, online, ...(disks === undefined ? {} : { 'with-local-disks': disks }) });
}

function migrateAll(call: Call): string {
  demand(call, ['VM.Migrate']);
  const { lab, node } = call;
  const target = call.need('target');
  if (target === node) throw parameterError({ target: 'target is local node.' });
  if (!lab.nodes.includes(target)) throw fail(`no such cluster node '${target}'`);
  const width =
    call.number('max-workers') ||
    call.number('maxworkers') ||
    Number(lab.journal.get('options', 'max_workers') ?? 0) ||
    undefined;
  if (width === undefined) throw fail("either 'max-workers' parameter or max_workers in datacenter.cfg must be set!");
  return fork(call, 'migrateall', async (task) => {
    const wanted = wantedOf(call);
    const guests = [...lab.state.guests.values()]
      .filter((guest) => guest.node === node && (wanted.length === 0 || wanted.includes(guest.vmid)))
      .sort((left, right) => (String(left.vmid) < String(right.vmid) ? -1 : 1));
    if (guests.length === 0) {
      task.log('no virtual guests matched, nothing to do..');
      return;
    }
    const count = await takeTurns(call, task, [guests], {
      width,
      begin: (guest) => migrateOne(call, guest, target, task),
      refused: (_guest, message) => {
        for (const line of message.split('\n')) task.log(line);
      },
    });
    if (count === 0) throw new Error('no migrations worker started...');
    task.log(`All jobs finished, used ${count} workers in total.`);
  });
}

export const nodeBulkHandlers: Handlers = {
  'POST /nodes/{node}/startall': startAll,
  'POST /nodes/{node}/stopall': stopAll,
  'POST /nodes/{node}/suspendall': suspendAll,
  'POST /nodes/{node}/migrateall': migrateAll,
};
