import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type AbortOutsideTask, type Executors, type StepContext } from '../../src/application/runs/executor.js';
import type { AnyStep } from '../../src/domain/plan/steps.js';
import { WorldFailure } from '../../src/domain/problem.js';

/**
 * An outside world of files, shared by worker processes: a step starts a "task" that goes on without its worker (it is
 * done when its time has come), as a clone on a hypervisor does. `effects` is what the world was told, in order.
 */
export const KILL_POINTS = ['claimed', 'effect', 'task', 'done', 'committed'] as const;
export type KillPoint = (typeof KILL_POINTS)[number];

export interface Script {
  /** How long the step's task takes. */
  readonly ms?: number;
  /** The worker kills itself there, once for each point. */
  readonly killAt?: readonly KillPoint[];
  /** Kills its worker at every start. */
  readonly poison?: boolean;
  /** Fails so many times, then works. */
  readonly fails?: { readonly times: number; readonly retryable: 'now' | 'later' | 'never' };
  /** Does not listen to its signal. */
  readonly deaf?: boolean;
}

interface Task {
  readonly doneAt: number;
}

export class FileWorld {
  constructor(readonly directory: string) {
    for (const folder of ['tasks', 'stopped', 'killed', 'failed', 'script']) {
      mkdirSync(path.join(directory, folder), { recursive: true });
    }
  }

  script(step: string, script: Script): void {
    writeFileSync(this.file('script', step), JSON.stringify(script));
  }

  /** `start a`, `finish a`, `stop a`. */
  effects(): string[] {
    const file = path.join(this.directory, 'effects');
    return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
  }

  /** Whether somebody did the step at all. */
  started(step: string): boolean {
    return existsSync(this.file('tasks', step));
  }

  scriptOf(step: string): Script {
    const file = this.file('script', step);
    return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Script) : {};
  }

  killHere(step: string, point: KillPoint): void {
    const { killAt, poison } = this.scriptOf(step);
    if (poison === true && point === 'claimed') process.kill(process.pid, 'SIGKILL');
    if (killAt?.includes(point) && this.once('killed', `${step}.${point}`)) process.kill(process.pid, 'SIGKILL');
  }

  get executors(): Executors {
    const execute = (step: AnyStep, context: StepContext): Promise<never> =>
      this.execute(step, context) as Promise<never>;
    return new Proxy({} as Executors, { get: () => execute });
  }

  get abortOutsideTask(): AbortOutsideTask {
    return async (_step, task, { fence }) => {
      await fence();
      writeFileSync(this.file('stopped', task), '');
      this.tell(`stop ${task}`);
    };
  }

  private async execute(_step: AnyStep, context: StepContext): Promise<unknown> {
    const id = context.stepId;
    const script = this.scriptOf(id);
    this.killHere(id, 'claimed');
    this.failMaybe(id, script);
    const task = await this.taskOf(id, script, context);
    this.killHere(id, 'task');
    context.waitingFor(`task of ${id}`);
    while (Date.now() < task.doneAt) {
      await delay(25);
      if (!script.deaf && context.signal.aborted) throw context.signal.reason;
    }
    context.progress(90, 'task done');
    await context.fence();
    if (this.once('failed', `${id}.finished`)) this.tell(`finish ${id}`);
    this.killHere(id, 'done');
    return { output: { done: true }, changes: [] };
  }

  /** Observes, then acts: a task of the step that is there already is adopted, however it came to be. */
  private async taskOf(id: string, script: Script, context: StepContext): Promise<Task> {
    const file = this.file('tasks', id);
    if (!existsSync(file)) {
      if (context.adopt !== undefined) throw new Error(`the task ${context.adopt} is gone`);
      await context.fence();
      const task: Task = { doneAt: Date.now() + (script.ms ?? 0) };
      this.tell(`start ${id}`);
      writeFileSync(file, JSON.stringify(task), { flag: 'wx' });
      this.killHere(id, 'effect');
      context.log([{ at: Date.now(), stream: 'note', text: `started by ${process.pid}` }]);
    }
    await context.taskStarted(id);
    return JSON.parse(readFileSync(file, 'utf8')) as Task;
  }

  private failMaybe(id: string, { fails }: Script): void {
    if (fails === undefined) return;
    for (let time = 1; time <= fails.times; time += 1) {
      if (this.once('failed', `${id}.${time}`)) {
        throw new WorldFailure({
          code: 'test.broken',
          retryable: fails.retryable,
          message: `failure ${time} of ${id}`,
        });
      }
    }
  }

  /** True for the first who asks. */
  private once(folder: string, name: string): boolean {
    try {
      writeFileSync(this.file(folder, name), '', { flag: 'wx' });
      return true;
    } catch {
      return false;
    }
  }

  private tell(what: string): void {
    appendFileSync(path.join(this.directory, 'effects'), `${what}\n`);
  }

  private file(folder: string, name: string): string {
    return path.join(this.directory, folder, encodeURIComponent(name));
  }
}
