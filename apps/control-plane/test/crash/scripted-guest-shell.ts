import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Catalogue } from '../../src/application/catalogue/catalogue.port.js';
import type {
  GuestShell,
  GuestTarget,
  HookJob,
  HookOutcome,
  ShellContext,
} from '../../src/application/guests/guest-shell.port.js';
import type { Json, JsonObject } from '../../src/domain/ids.js';
import type { ConfigSchema, PropertySchema } from '../../src/domain/module/manifest.js';
import { WorldFailure } from '../../src/domain/problem.js';

/** A hook as its guest knows it. */
export interface RanHook {
  readonly guest: string;
  readonly unit: string;
  readonly hook: string;
  /** Of `provide-` and `withdraw-`. */
  readonly binding?: string;
  readonly startedAt: number;
  readonly doneAt: number;
  readonly output: JsonObject;
}

interface HookDocument {
  readonly site: { readonly domain: string };
  readonly binding?: {
    readonly id: string;
    readonly interface: string;
    readonly secrets: Readonly<Record<string, string>>;
  };
}

/**
 * Guests' SSH side in a folder that any number of processes share. A hook's unit is a file, made at most once; it goes on
 * without its follower and is done when its time has come. What a provider made for a binding is a file too.
 */
export class ScriptedGuestShell implements GuestShell {
  constructor(
    private readonly directory: string,
    private readonly catalogue: Catalogue,
    private readonly hookMs: number,
    private readonly started: (unit: string) => Promise<void> = async () => {},
  ) {}

  async waitReady(target: GuestTarget, context: ShellContext): Promise<void> {
    reach(target, context);
    mkdirSync(this.at(target.guest, 'units'), { recursive: true });
    mkdirSync(this.at(target.guest, 'kept'), { recursive: true });
  }

  async run(target: GuestTarget, _command: readonly string[], context: ShellContext) {
    reach(target, context);
    return { exitCode: 0, stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
  }

  async upload(target: GuestTarget, _file: unknown, context: ShellContext): Promise<void> {
    reach(target, context);
    await context.fence();
  }

  async deliver(
    target: GuestTarget,
    module: { name: string; digest: string; tar: () => Promise<Buffer> },
    context: ShellContext,
  ): Promise<string> {
    reach(target, context);
    const marker = this.at(target.guest, `module-${module.name}-${module.digest.replaceAll(':', '-')}`);
    if (!existsSync(marker)) {
      await module.tar();
      await context.fence();
      writeFileSync(marker, '');
    }
    return `/opt/bastide/modules/${module.name}`;
  }

  async runHook(target: GuestTarget, job: HookJob, context: ShellContext): Promise<HookOutcome> {
    reach(target, context);
    await context.fence();
    const file = this.at(target.guest, 'units', job.unit);
    if (!existsSync(file) && (await this.start(target.guest, job, file))) await this.started(job.unit);
    const ran = JSON.parse(readFileSync(file, 'utf8')) as RanHook;
    context.log?.([{ at: Date.now(), stream: 'stdout', text: `following ${job.hook}` }]);
    const left = Math.max(0, ran.doneAt - Date.now());
    await delay(left, undefined, { signal: context.signal }).catch(() => context.signal.throwIfAborted());
    return { exitCode: 0, output: ran.output, tail: [] };
  }

  async cancelHook(target: GuestTarget, _unit: string, context: ShellContext): Promise<void> {
    reach(target, context);
    await context.fence();
  }

  forget(): void {}

  /** False when another worker was faster. */
  private async start(guest: string, job: HookJob, file: string): Promise<boolean> {
    const { binding, site } = job.input as HookDocument;
    const now = Date.now();
    const ran: RanHook = {
      guest,
      unit: job.unit,
      hook: job.hook,
      ...(binding === undefined ? {} : { binding: binding.id }),
      startedAt: now,
      doneAt: now + this.hookMs,
      output: await this.outputOf(job.hook, binding, site.domain),
    };
    const half = `${file}.${process.pid}`;
    writeFileSync(half, JSON.stringify(ran));
    try {
      linkSync(half, file);
    } catch {
      return false;
    } finally {
      rmSync(half);
    }
    if (binding !== undefined) {
      const kept = this.at(guest, 'kept', binding.id);
      // Another run may provide again; within one it happens once.
      const run = /^bastide-run-[a-z0-9]+/.exec(job.unit)?.[0] ?? job.unit;
      const again = existsSync(kept) && readFileSync(kept, 'utf8') !== run;
      if (job.hook.startsWith('provide-')) writeFileSync(kept, run, { flag: again ? 'w' : 'wx' });
      if (job.hook.startsWith('withdraw-')) rmSync(kept);
    }
    return true;
  }

  private async outputOf(hook: string, binding: HookDocument['binding'], domain: string): Promise<JsonObject> {
    if (binding === undefined || !hook.startsWith('provide-')) return {};
    const { interfaces } = await this.catalogue.load();
    const definition = interfaces.find(({ name }) => name === binding.interface);
    if (definition === undefined) throw new Error(`no interface ${binding.interface}`);
    return { offer: offerOf(definition.offer, binding.secrets, domain) };
  }

  private at(guest: string, ...parts: string[]): string {
    return path.join(this.directory, 'guests', guest, ...parts);
  }
}

/** Every hook that any guest ever ran, in the order of their starts. */
export function hooksIn(directory: string): readonly RanHook[] {
  const guests = path.join(directory, 'guests');
  if (!existsSync(guests)) return [];
  return readdirSync(guests)
    .flatMap((guest) => readdirSync(path.join(guests, guest, 'units')).map((unit) => path.join(guest, 'units', unit)))
    .map((file) => JSON.parse(readFileSync(path.join(guests, file), 'utf8')) as RanHook)
    .sort((a, b) => a.startedAt - b.startedAt);
}

/** `<guest> <binding>` of what providers keep for their consumers. */
export function keptIn(directory: string): readonly string[] {
  const guests = path.join(directory, 'guests');
  if (!existsSync(guests)) return [];
  return readdirSync(guests)
    .flatMap((guest) => readdirSync(path.join(guests, guest, 'kept')).map((binding) => `${guest} ${binding}`))
    .sort();
}

/** A value for every field of an interface's offer. */
function offerOf(schema: ConfigSchema, secrets: Readonly<Record<string, string>>, domain: string): JsonObject {
  const value = (name: string, property: PropertySchema): Json => {
    if (property.secret) return secrets[name] ?? 'made-by-the-provider';
    if (property.type === 'integer') return 4711;
    if (property.type === 'array') return ['Auth-User'];
    return property.format === 'uri' ? `https://${name.toLowerCase()}.${domain}/` : `${name.toLowerCase()}.${domain}`;
  };
  return Object.fromEntries(Object.entries(schema.properties).map(([name, property]) => [name, value(name, property)]));
}

function reach(target: GuestTarget, context: ShellContext): void {
  context.signal.throwIfAborted();
  if (target.hostKeys.length > 0) return;
  throw new WorldFailure({ code: 'ssh.host_key_mismatch', retryable: 'never', message: `${target.guest} has no key` });
}
