/** startall, stopall and the cluster's bulk actions: many guests in the order of their `startup`, each in a task of its own. */
import { forbidden } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import { stateStorage } from '../qemu/machine-state.js';
import { splitList } from '../schema/formats.js';
import type { Guest } from '../state/model.js';
import type { TaskContext, TaskWorker } from '../tasks/tasks.js';
import { isTemplate } from './guests.js';
import { KINDS } from './kind.js';
import { pauseGuest, shutdownGuest, startGuest, suspendToDisk } from './power.js';

const LAST = Number.MAX_SAFE_INTEGER;
/** Seconds a shutdown of many waits for each. */
const STOP_SECONDS = 180;

const orderOf = (guest: Guest) =>
  Number(/(?:^|,)(?:order=)?(\d+)/.exec(String(guest.config.startup ?? ''))?.[1] ?? LAST);

interface Action {
  /** Of the whole: `startall`, `bulk-start`. */
  readonly task: string;
  readonly privileges: readonly string[];
  /** Which of the guests named, or of all, it is for. */
  readonly takes: (guest: Guest, call: Call) => boolean;
  readonly backwards: boolean;
  readonly doing: string;
  /** Task type and work for one guest. */
  readonly one: (call: Call, guest: Guest) => readonly [type: string, worker: TaskWorker];
}

const label = (guest: Guest) => `${KINDS[guest.type].label} ${guest.vmid}`;

function demand(call: Call, action: Action, wanted: readonly number[]): void {
  if (call.can('/', action.privileges)) return;
  if (wanted.length === 0) throw forbidden(`/, ${action.privileges.join(', ')}`);
  for (const vmid of wanted) for (const privilege of action.privileges) call.demand(`/vms/${vmid}`, [privilege]);
}

async function runOne(call: Call, action: Action, guest: Guest, task: TaskContext): Promise<void> {
  const { lab } = call;
  task.log(`${action.doing} ${label(guest)}`);
  const [type, worker] = action.one(call, guest);
  const upid = lab.tasks.start({ node: guest.node, type, id: String(guest.vmid), user: call.caller.id }, worker);
  const stop = () => lab.tasks.abort(upid);
  task.signal.addEventListener('abort', stop, { once: true });
  await lab.tasks.finished(upid);
  task.signal.removeEventListener('abort', stop);
  task.signal.throwIfAborted();
  const status = lab.tasks.get(upid)?.status ?? 'unknown';
  if (status !== 'OK' && !status.startsWith('WARNINGS')) task.log(`${action.doing} ${label(guest)} failed: ${status}`);
}

/** `node` undefined: guests of the whole cluster. */
function bulk(call: Call, action: Action, node?: string): string {
  const wanted = node === undefined ? call.list('vms').map(Number) : splitList(call.text('vms') ?? '').map(Number);
  demand(call, action, wanted);
  const first = node ?? call.lab.nodes[0] ?? '';
  return call.task(
    action.task,
    '',
    async (task) => {
      const guests = [...call.lab.state.guests.values()]
        .filter((guest) => (node === undefined || guest.node === node) && !isTemplate(guest))
        .filter((guest) => (wanted.length === 0 || wanted.includes(guest.vmid)) && action.takes(guest, call))
        .sort((left, right) => orderOf(left) - orderOf(right) || left.vmid - right.vmid);
      if (action.backwards) guests.reverse();
      for (const guest of guests) await runOne(call, action, guest, task);
    },
    first,
  );
}

const START: Action = {
  task: 'bulk-start',
  privileges: ['VM.PowerMgmt'],
  takes: (guest) => !guest.running,
  backwards: false,
  doing: 'Starting',
  one: ({ lab }, { type, node, vmid }) => [
    type === 'qemu' ? 'qmstart' : 'vzstart',
    (task) => startGuest(lab, type, node, vmid, task),
  ],
};
const SHUTDOWN: Action = {
  task: 'bulk-shutdown',
  privileges: ['VM.PowerMgmt'],
  takes: (guest) => guest.running !== undefined,
  backwards: true,
  doing: 'Stopping',
  one: (call, { type, node, vmid }) => [
    type === 'qemu' ? 'qmshutdown' : 'vzshutdown',
    (task) =>
      shutdownGuest(
        call.lab,
        type,
        node,
        vmid,
        { timeout: call.number('timeout') ?? STOP_SECONDS, forceStop: call.number('force-stop') !== 0 },
        task,
      ),
  ],
};
const SUSPEND: Action = {
  task: 'bulk-suspend',
  privileges: ['VM.PowerMgmt'],
  takes: (guest) => guest.type === 'qemu' && guest.running !== undefined,
  backwards: true,
  doing: 'Suspending',
  one: (call, guest) => {
    const { lab } = call;
    const { node, vmid } = guest;
    if (!call.flag('to-disk')) return ['qmpause', (task) => pauseGuest(lab, node, vmid, true, task)];
    const storage = call.text('statestorage') ?? stateStorage(lab, guest);
    return ['qmsuspend', (task) => suspendToDisk(lab, node, vmid, storage, task, false)];
  },
};

/** Without `force` a node starts only what starts with it. */
const STARTALL: Action = {
  ...START,
  task: 'startall',
  takes: (guest, call) => !guest.running && (call.flag('force') || guest.config.onboot === 1),
};

export const bulkHandlers: Handlers = {
  'POST /nodes/{node}/startall': (call) => bulk(call, STARTALL, call.node),
  'POST /nodes/{node}/stopall': (call) => bulk(call, { ...SHUTDOWN, task: 'stopall' }, call.node),
  'GET /cluster/bulk-action': () => [{ name: 'guest' }],
  'GET /cluster/bulk-action/guest': () => ['start', 'shutdown', 'migrate', 'suspend'].map((name) => ({ name })),
  'POST /cluster/bulk-action/guest/start': (call) => bulk(call, START),
  'POST /cluster/bulk-action/guest/shutdown': (call) => bulk(call, SHUTDOWN),
  'POST /cluster/bulk-action/guest/suspend': (call) => bulk(call, SUSPEND),
};
