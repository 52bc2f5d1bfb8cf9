import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { HookOutcome } from '../../src/application/guests/guest-shell.port.js';
import { assembleHookInput, bindingSecrets } from '../../src/application/runs/executors/hook-input.js';
import { type StepWorld, targetOf } from '../../src/application/runs/executors/step-world.js';
import type { BindingId, JsonObject } from '../../src/domain/ids.js';
import { checkValue } from '../../src/domain/module/config-check.js';
import type { InterfaceDefinition } from '../../src/domain/module/interface.js';
import { interpolate } from '../../src/domain/module/interpolation.js';
import type { ModuleManifest } from '../../src/domain/module/manifest.js';
import type { BindingPlan, InstanceRef } from '../../src/domain/plan/steps.js';
import type { RecordedGuest, RecordedInstance } from '../../src/domain/stack/stack.js';

/** modules/<name>/tests/cases.yaml; docs/reference/module.md says what each part means. */
export interface ModuleCases {
  readonly config: JsonObject;
  readonly configured?: readonly { readonly run: string; readonly prints: string }[];
  readonly provide?: Readonly<Record<string, readonly JsonObject[]>>;
  readonly use?: Readonly<Record<string, string>>;
  readonly refuse?: Readonly<Record<string, readonly JsonObject[]>>;
  readonly renamed?: { readonly given: string; readonly then: string };
  readonly broken?: { readonly stop: string; readonly start: string };
}

export function readCases(module: string): ModuleCases {
  return parse(readFileSync(`modules/${module}/tests/cases.yaml`, 'utf8')) as ModuleCases;
}

const HOOK_MS = 3 * 60_000;

/** One installed module on its real guest, driven through the product's own shell and hook inputs. */
export class ModuleOnGuest {
  readonly #directory: Promise<string>;

  constructor(
    private readonly world: StepWorld,
    private readonly site: string,
    private readonly stackName: string,
    readonly instance: RecordedInstance,
    readonly guest: RecordedGuest,
    readonly manifest: ModuleManifest,
  ) {
    this.#directory = world.shell.deliver(
      targetOf(guest),
      {
        name: instance.module,
        digest: manifest.digest,
        tar: () => world.catalogue.moduleTar(instance.module, manifest.digest),
      },
      this.#context([]),
    );
  }

  /** Runs a lifecycle hook as the control plane would, with another config where one is given. */
  hook(hook: string, config: JsonObject = this.instance.config): Promise<HookOutcome> {
    return this.#run(hook, this.#ref(config));
  }

  /** The hook that carries data over, as if the guest had been below these domains before. */
  renamed(domains: readonly string[]): Promise<HookOutcome> {
    return this.#run('rename', this.#ref(this.instance.config), undefined, { ...this.guest, formerDomains: domains });
  }

  /** `provide-x` or `withdraw-x` for a consumer made up for the test; its guests are those of the given instance. */
  binding(verb: 'provide' | 'withdraw', plan: BindingPlan): Promise<HookOutcome> {
    return this.#run(`${verb}-${plan.provided}`, this.#ref(this.instance.config), plan);
  }

  planOf(provided: string, request: JsonObject, consumer: RecordedInstance, number: number): BindingPlan {
    const offered = this.manifest.provides[provided];
    if (!offered) throw new Error(`${this.instance.module} does not provide ${provided}`);
    return {
      id: `bnd_TEST${number}${randomUUID().replaceAll('-', '').slice(0, 12).toUpperCase()}` as BindingId,
      interface: offered.interface,
      requirement: 'tested',
      provided,
      provider: this.#ref(this.instance.config),
      consumer: { ...consumer, name: `tester${number}`, stack: this.stackName },
      request,
    };
  }

  /** A script in a scratch folder of the guest; files come along by name. Prints what it said when it fails. */
  async script(
    text: string,
    files: Readonly<Record<string, unknown>> = {},
  ): Promise<{ exitCode: number; output: string }> {
    const wrapped = `set -euo pipefail; scratch=$(mktemp -d); trap 'rm -rf "$scratch"' EXIT; cd "$scratch"; cat >all.json
for name in $(jq -r keys[] all.json); do jq ".$name" all.json >"$name.json"; done
export OFFER=$PWD/offer.json REQUEST=$PWD/request.json
${text}`;
    const done = await this.world.shell.run(targetOf(this.guest), ['bash', '-c', wrapped], {
      ...this.#context([]),
      input: Buffer.from(JSON.stringify(files)),
    });
    return { exitCode: done.exitCode, output: `${done.stdout.toString()}${done.stderr.toString()}` };
  }

  /** `{{ … }}` in the cases: facts of the site and of this module's guests. */
  facts<T>(value: T, domain: string): T {
    const facts: Record<string, string> = {
      'site.domain': domain,
      [`guest.${this.guest.name}.address`]: this.guest.spec.network.address,
    };
    return interpolate(value as never, (name) => (facts[name] === undefined ? undefined : { value: facts[name] }))
      .value as T;
  }

  async forget(plan: BindingPlan): Promise<void> {
    await this.world.secrets.removeUnder(bindingSecrets(plan.id));
  }

  #ref(config: JsonObject): InstanceRef {
    return { ...this.instance, config, stack: this.stackName };
  }

  async #run(
    hook: string,
    instance: InstanceRef,
    binding?: BindingPlan,
    guest: RecordedGuest = this.guest,
  ): Promise<HookOutcome> {
    const site = await this.world.stacks.getSite(this.site);
    const input = await assembleHookInput(this.world, {
      site: site!,
      recorded: await this.world.stacks.recorded(this.site),
      stackName: this.stackName,
      instance,
      manifest: this.manifest,
      guest,
      hook,
      ...(binding ? { provide: { binding, request: binding.request } } : {}),
    });
    return this.world.shell.runHook(
      targetOf(this.guest),
      {
        unit: `bastide-test-${randomUUID()}`,
        moduleDirectory: await this.#directory,
        hook,
        input: input.document,
      },
      this.#context(input.secrets),
    );
  }

  #context(redact: readonly string[]) {
    return {
      signal: AbortSignal.timeout(HOOK_MS),
      deadline: Date.now() + HOOK_MS,
      fence: async () => undefined,
      redact,
    };
  }
}

/** What is wrong with an offer; empty when it is what the interface promises. */
export function faultsOf(definition: InterfaceDefinition, outcome: HookOutcome): readonly unknown[] {
  const offer = (outcome.output as { offer?: JsonObject } | undefined)?.offer;
  return offer ? checkValue(definition.offer, offer) : ['no offer was written'];
}
