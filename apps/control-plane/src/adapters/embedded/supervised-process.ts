import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { EngineLog } from '../../application/runs/engine-log.port.js';
import { identify, isAlive, type ProcessIdentity } from './process-identity.js';

export interface ProcessDefinition {
  /** For people and for the state file: `postgresql`. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** Asks it to stop cleanly. */
  readonly stopSignal: NodeJS.Signals;
  readonly stopMs: number;
  /** Resolves when it answers. */
  readonly ready: (signal: AbortSignal) => Promise<void>;
  readonly readyMs: number;
  /** Where we remember it. */
  readonly stateDirectory: string;
}

interface Remembered {
  readonly parent: ProcessIdentity;
  readonly child: ProcessIdentity;
}

const FIRST_BACKOFF_MS = 250;
const MAX_BACKOFF_MS = 10_000;
/** Lines of its output that an error message quotes. */
const TAIL = 20;

/** One server that lives as long as we do: starts it, restarts it when it crashes, stops it. */
export class SupervisedProcess {
  private child: ChildProcess | undefined;
  private stopping = false;
  private backoff = FIRST_BACKOFF_MS;
  private restarting: Promise<void> | undefined;
  private readonly interrupt = new AbortController();
  private readonly tail: string[] = [];

  constructor(
    private readonly definition: ProcessDefinition,
    private readonly log: EngineLog,
  ) {}

  get pid(): number | undefined {
    return this.child?.pid;
  }

  /** Stops a left-over of an earlier control plane, then starts. Rejects with the server's last words when it does not come up. */
  async start(): Promise<void> {
    await this.stopLeftOver();
    await this.launch();
  }

  /** Resolves when it is gone; asks, and after a while insists. */
  async stop(): Promise<void> {
    this.stopping = true;
    this.interrupt.abort();
    await this.restarting;
    const { child } = this;
    if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      child.kill(this.definition.stopSignal);
      const hard = setTimeout(() => child.kill('SIGKILL'), this.definition.stopMs);
      await exited;
      clearTimeout(hard);
    }
    rmSync(this.stateFile, { force: true });
  }

  private get stateFile(): string {
    return path.join(this.definition.stateDirectory, `${this.definition.name}.json`);
  }

  private async launch(): Promise<void> {
    const { definition } = this;
    const child = spawn(definition.command, definition.args, {
      cwd: definition.cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      // A session of its own: Ctrl-C in the terminal is for the control plane, which stops its servers in order.
      detached: true,
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C.UTF-8', TZ: 'UTC' },
      ...(definition.owner ?? {}),
    });
    this.child = child;
    const exit = new AbortController();
    child.once('error', () => exit.abort());
    child.once('exit', (code, signal) => {
      exit.abort();
      this.exited(child, code ?? signal);
    });
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text) => this.keep(text));
    if (child.pid !== undefined) this.remember(child.pid);
    const signal = AbortSignal.any([exit.signal, this.interrupt.signal, AbortSignal.timeout(definition.readyMs)]);
    try {
      await definition.ready(signal);
      this.started = true;
      this.backoff = FIRST_BACKOFF_MS;
    } catch (cause) {
      child.kill('SIGKILL');
      throw new Error(`${definition.name} did not come up: ${this.tail.join(' | ') || String(cause)}`, { cause });
    }
  }

  private started = false;

  private exited(child: ChildProcess, how: number | string | null): void {
    if (this.stopping || child !== this.child || !this.started) return;
    this.log.error({ server: this.definition.name, how, tail: [...this.tail] }, 'embedded server exited, restarting');
    this.restarting = this.restart();
  }

  private async restart(): Promise<void> {
    while (!this.stopping) {
      try {
        await delay(this.backoff, undefined, { signal: this.interrupt.signal });
        await this.launch();
        this.log.info({ server: this.definition.name }, 'embedded server is back');
        return;
      } catch (err) {
        this.backoff = Math.min(this.backoff * 2, MAX_BACKOFF_MS);
        if (!this.stopping) this.log.error({ server: this.definition.name, err }, 'embedded server does not come up');
      }
    }
  }

  private keep(text: unknown): void {
    this.tail.push(...String(text).split('\n').filter(Boolean));
    this.tail.splice(0, this.tail.length - TAIL);
  }

  private remember(pid: number): void {
    const child = identify(pid);
    const parent = identify(process.pid);
    if (child === undefined || parent === undefined) return;
    mkdirSync(this.definition.stateDirectory, { recursive: true, mode: 0o700 });
    const half = `${this.stateFile}.new`;
    writeFileSync(half, JSON.stringify({ parent, child } satisfies Remembered));
    renameSync(half, this.stateFile);
  }

  /** The server of a control plane that was killed. One that is still looked after is not ours to stop. */
  private async stopLeftOver(): Promise<void> {
    const left = this.recall();
    if (left === undefined || !isAlive(left.child)) return;
    const ours = identify(process.pid);
    if (isAlive(left.parent) && !(left.parent.pid === ours?.pid)) {
      throw new Error(
        `${this.definition.name} in ${this.definition.cwd} belongs to a control plane that is running (process ${left.parent.pid}); stop that one, or use another state directory`,
      );
    }
    this.log.warn({ server: this.definition.name, pid: left.child.pid }, 'stopping a left-over server');
    process.kill(left.child.pid, this.definition.stopSignal);
    const insist = Date.now() + this.definition.stopMs;
    while (isAlive(left.child)) {
      if (Date.now() > insist) process.kill(left.child.pid, 'SIGKILL');
      await delay(50);
    }
  }

  private recall(): Remembered | undefined {
    if (!existsSync(this.stateFile)) return undefined;
    try {
      return JSON.parse(readFileSync(this.stateFile, 'utf8')) as Remembered;
    } catch {
      return undefined;
    }
  }
}
