import type { InstanceId, StackId } from '../../domain/ids.js';
import { Refusal, WorldFailure } from '../../domain/problem.js';
import type { RecordedGuest, RecordedInstance } from '../../domain/stack/stack.js';
import type { NewId } from '../clock.port.js';
import { assembleHookInput, type HookInput } from '../runs/executors/hook-input.js';
import { type StepWorld, targetOf } from '../runs/executors/step-world.js';

export interface CheckResult {
  readonly instance: string;
  readonly guest: string;
  readonly healthy: boolean;
  readonly tail: readonly string[];
  readonly error?: string;
}

const CHECK_MS = 3 * 60_000;

/** Runs the `check` hook of every instance of a stack, side by side: does it work for a user, now? */
export class CheckStack {
  constructor(
    private readonly world: StepWorld,
    private readonly newId: NewId,
    private readonly now: () => number,
  ) {}

  async execute(id: StackId): Promise<readonly CheckResult[]> {
    const stack = await this.world.stacks.getStack(id);
    if (!stack)
      throw new Refusal({
        code: 'not_found',
        subject: `stack ${id}`,
        message: 'There is no such stack.',
        remedy: 'bastide stack list shows them.',
      });
    const site = await this.world.stacks.getSite(stack.site);
    if (!site) throw new Error(`site ${stack.site} is not recorded`);
    const recorded = await this.world.stacks.recorded(stack.site);
    const { modules } = await this.world.catalogue.load();
    const checks = recorded.guests
      .filter((guest) => guest.stack === id)
      .flatMap((guest) => {
        const instance = recorded.instances.find((entry) => entry.id === guest.instance)!;
        const manifest = modules.find(
          (entry) => entry.name === instance.module && entry.digest === instance.moduleDigest,
        );
        return manifest?.hookFiles.includes('check') ? [{ guest, instance, manifest }] : [];
      });
    return Promise.all(
      checks.map(async ({ guest, instance, manifest }) => {
        const ref = { ...instance, stack: stack.name };
        return this.#check(guest, instance, manifest.digest, () =>
          assembleHookInput(this.world, {
            site,
            recorded,
            stackName: stack.name,
            instance: ref,
            manifest,
            guest,
            hook: 'check',
            readOnly: true,
          }),
        );
      }),
    );
  }

  async #check(
    guest: RecordedGuest,
    instance: RecordedInstance,
    digest: string,
    assemble: () => Promise<HookInput>,
  ): Promise<CheckResult> {
    const { shell, catalogue } = this.world;
    const about = { instance: instance.name, guest: guest.name };
    try {
      const input = await assemble();
      const context = {
        signal: AbortSignal.timeout(CHECK_MS),
        deadline: this.now() + CHECK_MS,
        fence: async () => undefined,
        redact: input.secrets,
      };
      const moduleDirectory = await shell.deliver(
        targetOf(guest),
        { name: instance.module, digest, tar: () => catalogue.moduleTar(instance.module, digest) },
        context,
      );
      const unit = `bastide-${this.newId.next('check')}-${instance.id as InstanceId}`
        .toLowerCase()
        .replace(/[^a-z0-9-]+/g, '-');
      const outcome = await shell.runHook(
        targetOf(guest),
        { unit, moduleDirectory, hook: 'check', input: input.document },
        context,
      );
      return {
        ...about,
        healthy: outcome.exitCode === 0,
        tail: outcome.tail,
        ...(outcome.error ? { error: outcome.error } : {}),
      };
    } catch (error) {
      if (!(error instanceof WorldFailure)) throw error;
      return { ...about, healthy: false, tail: [], error: error.failure.message };
    }
  }
}
