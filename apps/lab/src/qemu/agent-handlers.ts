/** The guest agent's calls: answered by the running guest, refused as the real ones are where there is no agent. */

import { parseOption } from '../guests/disks.js';
import { guestOf } from '../guests/guests.js';
import { fail, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import type { Guest } from '../state/model.js';

const EXEC_TIMEOUT_MS = 24 * 3600 * 1000;
/** Bytes the agent's file-read gives at most. */
const READ_LIMIT = 16 * 2 ** 20;
const KEPT_RESULTS = 200;

interface Execution {
  readonly vmid: number;
  result?: { readonly exitcode: number; readonly 'out-data'?: string; readonly 'err-data'?: string };
}

function agentOf(call: Call): Guest {
  const guest = guestOf(call, 'qemu');
  const enabled = guest.config.agent !== undefined && parseOption('qemu', 'agent', guest.config.agent).enabled === '1';
  if (!enabled) throw fail('No QEMU guest agent configured');
  if (!guest.running) throw fail(`VM ${call.vmid} is not running`);
  if (guest.running.hollow || guest.running.paused || call.lab.faults.isAgentAbsent(call.vmid))
    throw fail('QEMU guest agent is not running');
  return guest;
}

async function interfaces(call: Call): Promise<unknown> {
  agentOf(call);
  const zero = {
    'rx-bytes': 0,
    'rx-packets': 0,
    'rx-errs': 0,
    'rx-dropped': 0,
    'tx-bytes': 0,
    'tx-packets': 0,
    'tx-errs': 0,
    'tx-dropped': 0,
  };
  const found = await call.lab.runtime.addresses(call.vmid);
  return {
    result: found.map((one) => ({
      name: one.name,
      'hardware-address': one.mac.toLowerCase(),
      'ip-addresses': one.addresses.map((text) => {
        const [address = '', prefix = '32'] = text.split('/');
        return {
          'ip-address': address,
          'ip-address-type': address.includes(':') ? 'ipv6' : 'ipv4',
          prefix: Number(prefix),
        };
      }),
      statistics: zero,
    })),
  };
}

class Executions {
  private readonly open = new Map<string, Execution>();
  private pid = 100;

  start(call: Call, command: readonly string[], input: Buffer | undefined): number {
    this.pid += 1;
    const { pid } = this;
    const execution: Execution = { vmid: call.vmid };
    this.open.set(`${call.vmid}/${pid}`, execution);
    for (const key of this.open.keys()) {
      if (this.open.size <= KEPT_RESULTS) break;
      this.open.delete(key);
    }
    call.lab.runtime.exec(call.vmid, command, { ...(input ? { input } : {}), timeoutMs: EXEC_TIMEOUT_MS }).then(
      ({ exitCode, stdout, stderr }) => {
        execution.result = {
          exitcode: exitCode,
          ...(stdout.length > 0 ? { 'out-data': stdout.toString('utf8') } : {}),
          ...(stderr.length > 0 ? { 'err-data': stderr.toString('utf8') } : {}),
        };
      },
      (error: unknown) => {
        execution.result = { exitcode: 127, 'err-data': error instanceof Error ? error.message : String(error) };
      },
    );
    return pid;
  }

  status(call: Call): unknown {
    const execution = this.open.get(`${call.vmid}/${call.number('pid')}`);
    if (!execution) throw fail(`Agent error: PID ${call.number('pid')} does not exist`);
    return execution.result ? { exited: 1, ...execution.result } : { exited: 0 };
  }
}

/** One book for the process: pids never repeat, so labs do not disturb each other. */
const executions = new Executions();

function exec(call: Call): unknown {
  agentOf(call);
  const command = call.list('command');
  if (command.length === 0) throw parameterError({ command: 'property is missing and it is not optional' });
  const input = call.text('input-data');
  return { pid: executions.start(call, command, input === undefined ? undefined : Buffer.from(input)) };
}

async function readFile(call: Call): Promise<unknown> {
  agentOf(call);
  const path = call.need('file');
  try {
    const content = await call.lab.runtime.readFile(call.vmid, path, READ_LIMIT + 1);
    const truncated = content.length > READ_LIMIT;
    const bytes = content.subarray(0, READ_LIMIT);
    return { content: bytes.toString('utf8'), 'bytes-read': bytes.length, ...(truncated ? { truncated: 1 } : {}) };
  } catch (error) {
    throw fail(`Agent error: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function writeFile(call: Call): Promise<null> {
  agentOf(call);
  const raw = call.need('content');
  const content = call.number('encode') === 0 ? Buffer.from(raw, 'base64') : Buffer.from(raw, 'utf8');
  try {
    await call.lab.runtime.writeFile(call.vmid, call.need('file'), content, 0o666 & ~0o22);
  } catch (error) {
    throw fail(`Agent error: ${error instanceof Error ? error.message : String(error)}`);
  }
  return null;
}

const result = (value: unknown) => (call: Call) => {
  agentOf(call);
  return { result: value };
};

const agent = '/nodes/{node}/qemu/{vmid}/agent';
export const agentHandlers: Handlers = {
  [`GET ${agent}`]: (call) => {
    guestOf(call, 'qemu');
    return [
      'exec',
      'exec-status',
      'file-read',
      'file-write',
      'get-host-name',
      'get-osinfo',
      'network-get-interfaces',
      'ping',
      'info',
      'fsfreeze-freeze',
      'fsfreeze-thaw',
      'fsfreeze-status',
      'fstrim',
      'shutdown',
    ].map((name) => ({ name }));
  },
  [`POST ${agent}/ping`]: result({}),
  [`GET ${agent}/info`]: result({ version: '7.2.0', supported_commands: [] }),
  [`GET ${agent}/network-get-interfaces`]: interfaces,
  [`GET ${agent}/get-host-name`]: (call) => ({
    result: { 'host-name': String(agentOf(call).config.name ?? `VM${call.vmid}`) },
  }),
  [`GET ${agent}/get-osinfo`]: result({
    id: 'debian',
    name: 'Debian GNU/Linux',
    'pretty-name': 'Debian GNU/Linux 12 (bookworm)',
    version: '12 (bookworm)',
    'version-id': '12',
    machine: 'x86_64',
  }),
  [`GET ${agent}/get-time`]: (call) => {
    agentOf(call);
    return { result: call.lab.now() * 1_000_000 };
  },
  [`GET ${agent}/get-fsinfo`]: result([]),
  [`GET ${agent}/get-users`]: result([]),
  [`GET ${agent}/get-timezone`]: result({ offset: 0, zone: 'UTC' }),
  [`POST ${agent}/fsfreeze-freeze`]: result(1),
  [`POST ${agent}/fsfreeze-thaw`]: result(1),
  [`POST ${agent}/fsfreeze-status`]: result('thawed'),
  [`POST ${agent}/fstrim`]: result({ paths: [] }),
  [`POST ${agent}/exec`]: exec,
  [`GET ${agent}/exec-status`]: (call) => {
    agentOf(call);
    return executions.status(call);
  },
  [`GET ${agent}/file-read`]: readFile,
  [`POST ${agent}/file-write`]: writeFile,
};
