import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { demoSite, labNetworks } from '../../../cli/src/demo/demo-site.js';
import { labNames } from '../../../lab/src/runtime/lxc/lab-names.js';
import type { PlannedStep } from '../../src/domain/plan/plan.js';
import { freePort, labFetch } from '../e2e/demo.js';
import { scratchDirectory } from '../engine/scratch-directory.js';

export interface LabAccess {
  readonly url: string;
  readonly token: string;
  readonly caCertificate: string;
  readonly fingerprint: string;
}

export interface ProductOptions {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  /** Names the lab and what it makes. */
  readonly name: string;
}

export interface Begun {
  readonly plan: { readonly steps: readonly PlannedStep[] };
  readonly run: string;
}

export interface StartedWorker {
  readonly pid: number;
  readonly alive: boolean;
  /** Lets it begin to work. */
  go(): void;
  kill(): Promise<void>;
  readonly ended: Promise<void>;
}

/** The lab and the control plane's processes of one suite, each of them a real one, none left after `close`. */
export class Product {
  readonly state = scratchDirectory();
  access!: LabAccess;
  readonly #children = new Set<ChildProcess>();
  readonly #urls: string[] = [];
  #closed = false;

  constructor(private readonly options: ProductOptions) {
    for (const folder of ['modules', 'blueprints']) mkdirSync(join(this.state, 'extra', folder), { recursive: true });
  }

  /** A folder for what is outside: guests as the scripted shell keeps them. */
  world(name: string): string {
    const directory = join(this.state, 'worlds', name);
    mkdirSync(directory, { recursive: true });
    return directory;
  }

  /** `network`: its guests have addresses in 10.<network>.0.0/16. */
  async startLab(network: number, args: readonly string[] = []): Promise<void> {
    const lab = join(this.state, 'lab');
    this.run('lab', resolve('dist/apps/lab/src/main.js'), [
      ...['start', '--state', lab, '--port', '0', '--name', this.options.name, '--lag', '0'],
      ...labNetworks(network).flatMap((one) => ['--network', one]),
      ...args,
    ]);
    await this.until(
      'lab',
      async () => {
        this.access = JSON.parse(readFileSync(join(lab, 'access.json'), 'utf8')) as LabAccess;
        return true;
        // The first time on a machine it builds the image of its guests.
      },
      600_000,
    );
  }

  /** One more control plane that answers; it does no steps. Returns which one it is. */
  async startApi(): Promise<number> {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const main = resolve('dist/apps/control-plane/src/main.js');
    this.run('api', main, ['--role', 'api'], { BASTIDE_LISTEN: `127.0.0.1:${port}` });
    await this.until('api', async () => (await fetch(`${url}/api/v1/health/live`)).ok);
    return this.#urls.push(url) - 1;
  }

  /** A worker that is furnished and waits for its `go`. */
  async startWorker(script: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<StartedWorker> {
    const worker = this.startProcess(script, args, env);
    await worker.spoken;
    if (!worker.alive) throw new Error(`a worker did not come up\n${this.said()}`);
    return worker;
  }

  /** A worker as it is delivered; it begins by itself. */
  startProductionWorker(env: NodeJS.ProcessEnv): StartedWorker {
    return this.startProcess(resolve('dist/apps/control-plane/src/main.js'), ['--role', 'worker'], env);
  }

  private startProcess(script: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    if (this.#closed) throw new Error('the suite has ended');
    const child = this.run('worker', script, args, env);
    const ended = once(child, 'exit').then(() => {});
    return {
      pid: child.pid ?? 0,
      get alive() {
        return child.exitCode === null && child.signalCode === null;
      },
      go: () => void child.stdin?.write('go\n'),
      kill: async () => {
        child.kill('SIGKILL');
        await ended;
      },
      ended,
      spoken: Promise.race([once(child.stdout!, 'data'), ended]),
    };
  }

  async connect(site: string, network: number, edit: (document: string) => string = (text) => text): Promise<void> {
    const { url, fingerprint, token } = this.access;
    const { hostAddress } = labNames(this.options.name, join(this.state, 'lab'));
    const document = demoSite({ url, fingerprint, hostAddress, network }, `${site}.test`);
    await this.ask('PUT', `/sites/${site}`, {
      document: edit(document.replace('name: demo', `name: ${site}`)),
      credentials: { 'pve-token': token },
    });
  }

  /** A question to the API; throws what it answers when it refuses. */
  async ask(method: string, path: string, body?: object, api = 0): Promise<any> {
    const token = readFileSync(join(this.state, 'api-token'), 'utf8').trim();
    const response = await fetch(`${this.#urls[api]}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : text;
  }

  /** Plans and applies; returns plan and run. */
  async begin(wanted: { site: string; stack: string; blueprint?: string; remove?: boolean }, api = 0): Promise<Begun> {
    return this.apply(await this.ask('POST', '/plans', wanted, api), api);
  }

  /** Plans and applies another domain for a site. */
  async changeDomain(site: string, domain: string): Promise<Begun> {
    return this.apply(await this.ask('POST', `/sites/${site}/domain`, { domain }), 0);
  }

  private async apply(plan: any, api: number): Promise<Begun> {
    const errors = plan.findings.filter(({ severity }: { severity: string }) => severity === 'error');
    if (errors.length > 0) throw new Error(JSON.stringify(errors));
    return { plan, run: (await this.ask('POST', `/plans/${plan.id}/apply`, { hash: plan.hash }, api)).id };
  }

  /** Waits until the run has ended; every other end than the wanted one is told with its steps. */
  async ends(run: string, wanted: string, withinMs: number): Promise<any> {
    const until = Date.now() + withinMs;
    for (;;) {
      const detail = await this.ask('GET', `/runs/${run}`).catch((error: unknown) => ({
        run: { state: String(error) },
      }));
      const { state } = detail.run;
      if (state === wanted) return detail;
      if (['succeeded', 'failed', 'cancelled', 'left'].includes(state) || Date.now() > until) {
        const steps = (detail.steps ?? [])
          .filter((step: { state: string }) => !['succeeded', 'waiting', 'blocked'].includes(step.state))
          .map((step: object) => JSON.stringify(step));
        throw new Error(`run ${run} is ${state}\n${steps.join('\n')}\n${this.said()}`);
      }
      await delay(100);
    }
  }

  lab(method: string, path: string, form: Readonly<Record<string, string>> = {}): Promise<any> {
    return labFetch(this.access, method, path, form);
  }

  /** The last lines that the processes said. */
  said(): string {
    const lines = readFileSync(join(this.state, 'said'), 'utf8').split('\n');
    return lines
      .slice(-40)
      .map((line) => line.slice(0, 300))
      .join('\n');
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const child of [...this.#children].reverse()) {
      if (child.exitCode === null && child.signalCode === null) {
        const ended = once(child, 'exit');
        child.kill('SIGTERM');
        const late = setTimeout(() => child.kill('SIGKILL'), 30_000);
        await ended;
        clearTimeout(late);
      }
    }
    // Also what a lab that was cut off has left on the machine.
    const lab = resolve('dist/apps/lab/src/main.js');
    await promisify(execFile)(process.execPath, [
      ...[lab, 'reset', '--state', join(this.state, 'lab')],
      ...['--name', this.options.name],
    ]);
    rmSync(this.state, { recursive: true, force: true });
  }

  private run(role: string, script: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
    const child = spawn(process.execPath, [script, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {
        PATH: process.env.PATH,
        DATABASE_URL: this.options.databaseUrl,
        REDIS_URL: this.options.redisUrl,
        BASTIDE_STATE_DIR: this.state,
        BASTIDE_LOG_LEVEL: 'warn',
        BASTIDE_MODULES: `${resolve('modules')}:${join(this.state, 'extra/modules')}`,
        BASTIDE_BLUEPRINTS: `${resolve('blueprints')}:${join(this.state, 'extra/blueprints')}`,
        ...env,
      },
    });
    // A child that is killed is told to begin now and then.
    child.stdin!.on('error', () => {});
    child.stderr!.on('data', (text: Buffer) =>
      appendFileSync(join(this.state, 'said'), `${role} ${child.pid}: ${text}`),
    );
    child.stdout!.on('data', (text: Buffer) =>
      appendFileSync(join(this.state, 'said'), `${role} ${child.pid}: ${text}`),
    );
    this.#children.add(child);
    child.on('exit', () => this.#children.delete(child));
    return child;
  }

  private async until(what: string, ready: () => Promise<boolean>, withinMs = 60_000): Promise<void> {
    const end = Date.now() + withinMs;
    while (!(await ready().catch(() => false))) {
      if (Date.now() > end) throw new Error(`no ${what}\n${this.said()}`);
      await delay(100);
    }
  }
}
