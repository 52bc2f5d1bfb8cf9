/** The agent's calls that do something in the guest: programs, files, passwords. */
import { fail } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import type { Guest } from '../state/model.js';

const EXEC_TIMEOUT_MS = 24 * 3600 * 1000;
const PASSWORD_TIMEOUT_MS = 30_000;
/** Bytes file-read gives at most. */
const READ_LIMIT = 16 * 2 ** 20;
const KEPT_RESULTS = 200;

export const EXEC_COMMANDS = ['exec', 'exec-status', 'file-read', 'file-write', 'set-user-password'];

interface Execution {
  result?: { readonly exitcode: number; readonly 'out-data'?: string; readonly 'err-data'?: string };
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** Proxmox hands the guest's bytes on as characters of one byte each: UTF-8 of the guest arrives encoded twice. */
const asText = (bytes: Buffer) => bytes.toString('latin1');

/** And takes such characters only, since it turns them into base64. */
function asBytes(text: string): Buffer {
  if ([...text].some((char) => (char.codePointAt(0) ?? 0) > 0xff))
    throw fail('Wide character in subroutine entry at /usr/share/perl5/PVE/API2/Qemu/Agent.pm line 612.');
  return Buffer.from(text, 'latin1');
}

class Executions {
  private readonly open = new Map<string, Execution>();
  private pid = 100;

  start(call: Call, command: readonly string[], input: Buffer | undefined): number {
    this.pid += 1;
    const { pid } = this;
    const execution: Execution = {};
    this.open.set(`${call.vmid}/${pid}`, execution);
    for (const key of this.open.keys()) {
      if (this.open.size <= KEPT_RESULTS) break;
      this.open.delete(key);
    }
    call.lab.runtime.exec(call.vmid, command, { ...(input ? { input } : {}), timeoutMs: EXEC_TIMEOUT_MS }).then(
      ({ exitCode, stdout, stderr }) => {
        execution.result = {
          exitcode: exitCode,
          ...(stdout.length > 0 ? { 'out-data': asText(stdout) } : {}),
          ...(stderr.length > 0 ? { 'err-data': asText(stderr) } : {}),
        };
      },
      (error: unknown) => {
        execution.result = { exitcode: 127, 'err-data': messageOf(error) };
      },
    );
    return pid;
  }

  /** The agent forgets a program once it has told how it ended. */
  status(call: Call): unknown {
    const key = `${call.vmid}/${call.number('pid')}`;
    const execution = this.open.get(key);
    if (!execution) throw fail(`Agent error: PID ${call.number('pid')} does not exist`);
    if (!execution.result) return { exited: 0 };
    this.open.delete(key);
    return { exited: 1, ...execution.result };
  }
}

/** One book for the process: pids never repeat, so labs do not disturb each other. */
const executions = new Executions();

type AgentOf = (call: Call) => Guest;

function exec(call: Call, agentOf: AgentOf): unknown {
  agentOf(call);
  const command = call.list('command');
  const input = call.text('input-data');
  if (command.length === 0 && input === undefined) throw fail('command or input-data (or both) required');
  return { pid: executions.start(call, command, input === undefined ? undefined : asBytes(input)) };
}

async function readFile(call: Call, agentOf: AgentOf): Promise<unknown> {
  agentOf(call);
  const offset = call.number('offset') ?? 0;
  const count = Math.min(call.number('count') ?? READ_LIMIT, READ_LIMIT);
  try {
    const content = await call.lab.runtime.readFile(call.vmid, call.need('file'), offset + count + 1);
    const bytes = content.subarray(offset, offset + count);
    return {
      content: call.number('decode') === 0 ? bytes.toString('base64') : asText(bytes),
      'bytes-read': bytes.length,
      ...(content.length > offset + count ? { truncated: 1 } : {}),
    };
  } catch (error) {
    throw fail(`Agent error: ${messageOf(error)}`);
  }
}

async function writeFile(call: Call, agentOf: AgentOf): Promise<null> {
  agentOf(call);
  const raw = call.need('content');
  const content = call.number('encode') === 0 ? Buffer.from(raw, 'base64') : asBytes(raw);
  try {
    await call.lab.runtime.writeFile(call.vmid, call.need('file'), content, 0o666 & ~0o22);
  } catch (error) {
    throw fail(`Agent error: ${messageOf(error)}`);
  }
  return null;
}

async function setPassword(call: Call, agentOf: AgentOf): Promise<unknown> {
  agentOf(call);
  const line = `${call.need('username')}:${call.need('password')}\n`;
  if (/[\r\n]/.test(line.slice(0, -1)) || call.need('username').includes(':'))
    throw fail('Agent error: forbidden characters in raw password');
  const command = ['chpasswd', ...(call.flag('crypted') ? ['-e'] : [])];
  const done = await call.lab.runtime
    .exec(call.vmid, command, { input: Buffer.from(line), timeoutMs: PASSWORD_TIMEOUT_MS })
    .catch((error: unknown) => {
      throw fail(`Agent error: ${messageOf(error)}`);
    });
  if (done.exitCode !== 0) throw fail('Agent error: child process has failed to set user password');
  return { result: {} };
}

const agent = '/nodes/{node}/qemu/{vmid}/agent';
export const execHandlers = (agentOf: AgentOf): Handlers => ({
  [`POST ${agent}/exec`]: (call) => exec(call, agentOf),
  [`GET ${agent}/exec-status`]: (call) => {
    agentOf(call);
    return executions.status(call);
  },
  [`GET ${agent}/file-read`]: (call) => readFile(call, agentOf),
  [`POST ${agent}/file-write`]: (call) => writeFile(call, agentOf),
  [`POST ${agent}/set-user-password`]: (call) => setPassword(call, agentOf),
});
