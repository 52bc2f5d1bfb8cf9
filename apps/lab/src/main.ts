#!/usr/bin/env node
/** `lab start|status|reset`: the lab as a program of its own. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import type { LabNetwork } from './runtime/guest-runtime.port.js';
import { resetRuntime } from './runtime-choice.js';
import { startLab } from './start-lab.js';
import { holderOf } from './state/folder-lock.js';

interface StartFlags {
  name: string;
  state: string;
  host: string;
  port: number;
  guests: 'none' | 'lxc';
  nodes: string[];
  faults?: boolean;
  allowRemote?: boolean;
  keepGuests?: boolean;
  lag: number;
  latency: Record<string, number>;
  haTimeScale: number;
  network: LabNetwork[];
  output: Output;
}

type Output = 'text' | 'json';
const output = (text: string): Output => {
  if (text !== 'text' && text !== 'json') throw new InvalidArgumentError('text or json');
  return text;
};

const number = (text: string) => {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('a number is wanted');
  return Number(text);
};
const factor = (text: string) => {
  if (!/^\d*\.?\d+$/.test(text) || Number(text) <= 0) throw new InvalidArgumentError('a number above 0 is wanted');
  return Number(text);
};
const names = (text: string) => text.split(',').filter((part) => part !== '');
const latency = (text: string, before: Record<string, number> = {}) => {
  const [type = '', milliseconds = ''] = text.split('=');
  return { ...before, [type]: number(milliseconds) };
};
/** `vmbr1=10.91.1.0/24`, `vmbr1.20=10.91.1.0/24` with a VLAN tag; the router takes the first address. */
const network = (text: string, before: LabNetwork[] = []): LabNetwork[] => {
  const [, bridge, vlan, base, prefix] = /^(vmbr\d+)(?:\.(\d+))?=(\d+\.\d+\.\d+)\.0\/(\d+)$/.exec(text) ?? [];
  if (bridge === undefined || base === undefined)
    throw new InvalidArgumentError('bridge=a.b.c.0/prefix is wanted, such as vmbr1=10.91.1.0/24');
  return [
    ...before,
    {
      bridge,
      ...(vlan === undefined ? {} : { vlan: Number(vlan) }),
      cidr: `${base}.0/${prefix}`,
      gateway: `${base}.1`,
    },
  ];
};
const kind = (text: string) => {
  if (text !== 'none' && text !== 'lxc') throw new InvalidArgumentError('none or lxc');
  return text;
};

/** What another program needs to use the lab; the secrets lie in files of their own beside it. */
const accessFile = (state: string) => join(state, 'access.json');

async function start(flags: StartFlags): Promise<void> {
  // A log on a full disk costs lines; unheard, the error would end the lab.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  const state = resolve(flags.state);
  mkdirSync(state, { recursive: true });
  const lab = await startLab({
    name: flags.name,
    stateDir: state,
    listen: { host: flags.host, port: flags.port },
    allowRemote: flags.allowRemote ?? false,
    nodes: flags.nodes,
    guests: flags.guests,
    faults: flags.faults ?? false,
    figuresLagSeconds: flags.lag,
    latencies: flags.latency,
    haTimeScale: flags.haTimeScale,
    ...(flags.network.length > 0 ? { networks: flags.network } : {}),
    log: (message, fields) => process.stderr.write(`lab: ${message}${fields ? ` ${JSON.stringify(fields)}` : ''}\n`),
  });
  const access = {
    url: lab.url,
    fingerprint: lab.fingerprint,
    caCertificate: lab.caCertificate,
    token: lab.rootToken,
    username: lab.credentials.username,
    password: lab.credentials.password,
    nodes: lab.nodes,
    pid: process.pid,
  };
  writeFileSync(`${accessFile(state)}.tmp`, `${JSON.stringify(access, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${accessFile(state)}.tmp`, accessFile(state));
  if (flags.output === 'json') process.stdout.write(`${JSON.stringify(look(state))}\n`);
  else {
    process.stdout.write(
      `Lab '${flags.name}' (${flags.guests === 'none' ? 'API only, guests are not real' : 'guests are system containers'}): ${lab.url}\n`,
    );
    process.stdout.write(`fingerprint ${lab.fingerprint}\naccess      ${accessFile(state)}\n`);
  }
  let ending = false;
  const end = () => {
    if (ending) process.exit(1);
    ending = true;
    lab.close({ keepGuests: flags.keepGuests ?? false }).then(
      () => {
        rmSync(accessFile(state), { force: true });
        process.exit(0);
      },
      (error: unknown) => {
        process.stderr.write(`lab: ${error instanceof Error ? error.message : String(error)}\n`);
        process.exit(1);
      },
    );
  };
  process.on('SIGINT', end);
  process.on('SIGTERM', end);
}

interface Status {
  readonly running: boolean;
  readonly pid?: number;
  /** Set once it answers. */
  readonly url?: string;
  readonly fingerprint?: string;
  /** Where the address and the secrets are. */
  readonly access?: string;
}

/** Of a lab that was killed the access file is still there, with a pid that holds the folder no more. */
function look(state: string): Status {
  const pid = holderOf(state);
  if (pid === undefined) return { running: false };
  try {
    const access = JSON.parse(readFileSync(accessFile(state), 'utf8')) as {
      pid: number;
      url: string;
      fingerprint: string;
    };
    if (access.pid === pid)
      return { running: true, pid, url: access.url, fingerprint: access.fingerprint, access: accessFile(state) };
  } catch {
    // Not there yet.
  }
  return { running: true, pid };
}

/** Exit code 0: it answers. 3: it does not, also not within the seconds of `--wait`. */
async function status(flags: { state: string; wait: number; output: Output }): Promise<void> {
  const state = resolve(flags.state);
  const deadline = Date.now() + flags.wait * 1000;
  let found = look(state);
  while (found.url === undefined && Date.now() < deadline) {
    await new Promise((next) => setTimeout(next, 100));
    found = look(state);
  }
  const { running, pid, url } = found;
  if (flags.output === 'json') process.stdout.write(`${JSON.stringify(found)}\n`);
  else process.stdout.write(running ? `running, pid ${pid}, ${url ?? 'not yet ready'}\n` : `not running (${state})\n`);
  process.exitCode = url === undefined ? 3 : 0;
}

async function reset(flags: { name: string; state: string }): Promise<void> {
  const state = resolve(flags.state);
  const pid = holderOf(state);
  if (pid !== undefined) throw new Error(`the lab in ${state} is running (pid ${pid}); stop it first`);
  await resetRuntime({ name: flags.name, stateDir: state });
  rmSync(state, { recursive: true, force: true });
  process.stdout.write(`nothing of lab '${flags.name}' is left\n`);
}

const program = new Command('lab').description('A Proxmox VE API server for trying things out (Bastide lab)');
program
  .command('start')
  .requiredOption('--state <folder>', "the lab's own folder")
  .option('--name <name>', 'names the cluster and what the lab makes', 'lab')
  .option('--host <address>', 'loopback address to listen on', '127.0.0.1')
  .option('--port <port>', '0 takes a free one', number, 8006)
  .option('--guests <kind>', 'lxc: real system containers; none: API only', kind, 'none')
  .option('--nodes <names>', 'comma separated', names, ['lab1'])
  .option('--faults', 'switch POST /lab/faults on')
  .option('--ha-time-scale <factor>', 'shrinks the minutes HA takes to fence and recover: 0.01', factor, 1)
  .option('--lag <seconds>', 'how far cluster/resources is behind', number, 10)
  .option(
    '--latency <type=ms>',
    'a task of this type takes at least that long; * for all; may be repeated',
    latency,
    {},
  )
  .option('--network <bridge=cidr>', 'a network for guests; may be repeated', network, [])
  .option('--keep-guests', 'leave guests running at the end')
  .option('--allow-remote', 'listen on an address other than loopback')
  .option('--output <format>', 'text, or json: one line when it is ready', output, 'text')
  .action(start);
program
  .command('status')
  .description('exit code 0 when it answers, 3 when it does not')
  .requiredOption('--state <folder>')
  .option('--wait <seconds>', 'wait that long until it is ready', number, 0)
  .option('--output <format>', 'text or json', output, 'text')
  .action(status);
program.command('reset').requiredOption('--state <folder>').option('--name <name>', 'as at start', 'lab').action(reset);

program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`lab: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
