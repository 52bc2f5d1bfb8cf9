import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { EngineSettings } from './engine-worker.js';

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

export interface WorkerProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Its exit code or signal, once it has ended. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
}

/** Worker processes of one suite; none is left when it is closed. */
export class WorkerFleet {
  private readonly running = new Set<WorkerProcess>();
  private reviving = true;
  /** What the workers said, for the message of a failing test. */
  readonly said: string[] = [];

  constructor(
    private readonly directory: string,
    private readonly settings: EngineSettings,
  ) {}

  /** Resolves when it takes rings. */
  async start(over: Partial<EngineSettings> = {}): Promise<WorkerProcess> {
    const settings = JSON.stringify({ ...this.settings, ...over });
    const args = ['--import', here('./ts-loader.mjs'), here('./worker-process.ts'), this.directory, settings];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env.PATH } });
    const ended = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals | null);
    child.stderr.setEncoding('utf8').on('data', (text: string) => this.said.push(...text.split('\n').filter(Boolean)));
    const worker: WorkerProcess = { child, pid: child.pid ?? 0, ended };
    this.running.add(worker);
    void ended.then(() => this.running.delete(worker));
    await Promise.race([once(child.stdout, 'data'), ended]);
    return worker;
  }

  /** Keeps so many workers up, as a service manager does. */
  async keepUp(count: number): Promise<void> {
    const revive = async (): Promise<void> => {
      while (this.reviving) {
        const { ended } = await this.start();
        await ended;
      }
    };
    for (let i = 0; i < count; i += 1) void revive();
  }

  /** Kills the worker that calls itself so. */
  async kill(holder: string): Promise<void> {
    const found = [...this.running].find(({ pid }) => holder.includes(`:${pid}:`));
    if (found === undefined) throw new Error(`no worker ${holder}`);
    found.child.kill('SIGKILL');
    await found.ended;
  }

  async close(): Promise<void> {
    this.reviving = false;
    for (const { child } of [...this.running]) {
      child.kill('SIGCONT');
      child.kill('SIGKILL');
    }
    await Promise.all([...this.running].map(({ ended }) => ended));
  }
}
