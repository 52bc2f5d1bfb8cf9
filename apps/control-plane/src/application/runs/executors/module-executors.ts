import type { BindingId, InstanceId, Json, JsonObject } from '../../../domain/ids.js';
import { checkValue } from '../../../domain/module/config-check.js';
import { resolveBindingFacts } from '../../../domain/module/interpolation.js';
import type { ModuleManifest } from '../../../domain/module/manifest.js';
import type { BindingPlan, InstanceRef } from '../../../domain/plan/steps.js';
import { Refusal, WorldFailure } from '../../../domain/problem.js';
import type { HookOutcome } from '../../guests/guest-shell.port.js';
import type { RecordChange } from '../../stacks/stack-store.port.js';
import type { Executors, StepContext } from '../executor.js';
import {
  artifactPath,
  assembleHookInput,
  bindingSecrets,
  type HookInput,
  instanceSecrets,
  keepOfferFields,
  offerSecrets,
} from './hook-input.js';
import { type KnownGuest, knownGuest, type StepWorld, shellContext, siteOf, targetOf } from './step-world.js';

type ModuleSteps =
  | 'artifact.fetch'
  | 'hook.run'
  | 'binding.provide'
  | 'binding.withdraw'
  | 'secret.rotate'
  | 'instance.forget';

/** Exit codes of hooks (docs/reference/hooks.md). */
const TRY_LATER = 75;
const INPUT_WRONG = 64;

export function moduleExecutors(world: StepWorld): Pick<Executors, ModuleSteps> {
  return {
    'artifact.fetch': async (step, context) => {
      await context.fence();
      const { sizeBytes } = await world.artifacts.fetch(
        { url: step.url, sha256: step.sha256 },
        { signal: context.signal, progress: (percent) => context.progress(percent, `Fetching ${step.artifact}`) },
      );
      return { output: { sha256: step.sha256, sizeBytes }, changes: [] };
    },

    'hook.run': async (step, context) => {
      const guest = await knownGuest(world, step.guest, context);
      const manifest = await manifestOf(world, step.instance);
      const input = await inputFor(world, context, step.instance, manifest, guest, step.hook);
      if (step.hook === 'install' || step.hook === 'upgrade') await deliverArtifacts(world, context, guest, manifest);
      const outcome = await runHook(world, context, guest, step.instance, step.hook, input);
      const { outputs } = readOutput(outcome, step.hook);
      const changes: RecordChange[] = [];
      if (step.hook === 'rename') changes.push({ type: 'guest-carried-over', guest: guest.recorded.id });
      if (step.hook === 'install')
        changes.push({ type: 'instance-installed', instance: step.instance.id, guest: guest.recorded.name });
      if (step.hook === 'configure') {
        const { config, moduleDigest, version, appVersion } = step.instance;
        changes.push({
          type: 'instance-configured',
          instance: step.instance.id,
          guest: guest.recorded.name,
          digest: input.digest,
          now: { config, moduleDigest, version, appVersion },
        });
      }
      return { output: { outputs, inputDigest: input.digest }, changes };
    },

    'binding.provide': async (step, context) => {
      const { binding } = step;
      const guest = await knownGuest(world, step.guest, context);
      const manifest = await manifestOf(world, binding.provider);
      const definition = (await world.catalogue.load()).interfaces.find((entry) => entry.name === binding.interface);
      if (!definition) throw new Error(`interface ${binding.interface} is not in the catalogue`);
      const request = await resolveRequest(world, context, binding);
      const wrong = checkValue(definition.request, request);
      if (wrong.length > 0) throw invalid('request', binding, wrong);
      const input = await inputFor(world, context, binding.provider, manifest, guest, `provide-${binding.provided}`, {
        binding,
        request,
      });
      const outcome = await runHook(world, context, guest, binding.provider, `provide-${binding.provided}`, input);
      const { offer } = readOutput(outcome, `provide-${binding.provided}`);
      if (!offer) throw invalid('offer', binding, [{ path: '', message: 'was not written' }]);
      const faults = checkValue(definition.offer, offer);
      if (faults.length > 0) throw invalid('offer', binding, faults);
      const secret: Record<string, string> = {};
      const open: Record<string, Json> = {};
      for (const [field, value] of Object.entries(offer)) {
        if (definition.offer.properties[field]?.secret) secret[field] = String(value);
        else open[field] = value;
      }
      await context.fence();
      await keepOfferFields(world, binding.id, secret);
      const offerDigest = world.sha256(JSON.stringify(offer));
      return {
        output: { offer: open, offerDigest },
        changes: [
          ...(await recordGuestless(world, context, binding.consumer)),
          {
            type: 'binding-put',
            binding: {
              id: binding.id,
              consumer: binding.consumer.id,
              requirement: binding.requirement,
              provider: binding.provider.id,
              provided: binding.provided,
              interface: binding.interface,
              request,
              offer: open,
              offerDigest,
            },
          },
        ],
      };
    },

    'binding.withdraw': async (step, context) => {
      const { binding } = step;
      const guest = await knownGuest(world, step.guest, context);
      const manifest = await manifestOf(world, binding.provider);
      const input = await inputFor(world, context, binding.provider, manifest, guest, `withdraw-${binding.provided}`, {
        binding,
        request: await resolveRequest(world, context, binding),
      });
      // A provider that never learnt to withdraw has nothing to take back.
      if (manifest.hookFiles.includes(`withdraw-${binding.provided}`)) {
        await runHook(world, context, guest, binding.provider, `withdraw-${binding.provided}`, input);
      }
      await context.fence();
      await world.secrets.removeUnder(bindingSecrets(binding.id));
      await world.secrets.removeUnder(offerSecrets(binding.id));
      return { output: { withdrawn: true }, changes: [{ type: 'binding-removed', binding: binding.id }] };
    },

    'secret.rotate': async (step, context) => {
      const { of, names } = step;
      const { instances, bindings } = await world.stacks.recorded(context.site);
      const changes: RecordChange[] = [];
      const stale = (id: BindingId | InstanceId): void => {
        for (const binding of bindings.filter((entry) => entry.id === id || entry.provider === id))
          changes.push({ type: 'binding-put', binding: { ...binding, offerDigest: '' } });
      };
      let policies: ModuleManifest['secrets'];
      if (of.kind === 'instance') {
        policies = (await manifestOf(world, of.instance)).secrets;
        const recorded = instances.find((entry) => entry.id === of.instance.id);
        if (!recorded) throw new Error(`instance ${of.instance.name} is not recorded`);
        // Until the hooks have carried the new ones out, any plan of this stack will want to: also when this run is left.
        changes.push({ type: 'instance-put', instance: { ...recorded, configured: {} } });
        stale(recorded.id);
      } else {
        const definition = (await world.catalogue.load()).interfaces.find((entry) => entry.name === of.interface);
        if (!definition) throw new Error(`interface ${of.interface} is not in the catalogue`);
        policies = definition.secrets;
        stale(of.binding);
      }
      const prefix = of.kind === 'instance' ? instanceSecrets(of.instance.id) : bindingSecrets(of.binding);
      for (const name of names) {
        const policy = policies[name];
        if (!policy) throw new Error(`there is no secret ${name}`);
        await context.fence();
        await world.secrets.put(`${prefix}${name}`, world.secretSource.generate(policy));
      }
      return { output: { rotated: names.length }, changes };
    },

    'instance.forget': async (step, context) => {
      const { id } = step.instance;
      const recorded = await world.stacks.recorded(context.site);
      await context.fence();
      // Relations that went down with a provider or consumer were not withdrawn one by one; their secrets go here.
      for (const binding of recorded.bindings.filter((entry) => entry.consumer === id || entry.provider === id)) {
        await world.secrets.removeUnder(bindingSecrets(binding.id));
        await world.secrets.removeUnder(offerSecrets(binding.id));
      }
      await world.secrets.removeUnder(instanceSecrets(id));
      await world.certificates.forgetUnder(`instance/${id}/`);
      return { output: { forgotten: true }, changes: [{ type: 'instance-removed', instance: id }] };
    },
  };
}

/** Instances are recorded with their first guest; one that has none, with its first binding. */
async function recordGuestless(world: StepWorld, context: StepContext, consumer: InstanceRef): Promise<RecordChange[]> {
  if (await world.stacks.findInstance(consumer.id)) return [];
  const stack = await world.stacks.findStack(context.site, consumer.stack);
  if (!stack) throw new Error(`stack ${consumer.stack} is not there`);
  const { id, name, module, version, appVersion, moduleDigest, config } = consumer;
  const instance = { id, stack: stack.id, name, module, version, appVersion, moduleDigest, config };
  return [{ type: 'instance-put', instance: { ...instance, installed: [], configured: {} } }];
}

async function manifestOf(world: StepWorld, instance: InstanceRef): Promise<ModuleManifest> {
  const { modules } = await world.catalogue.load();
  const manifest = modules.find((entry) => entry.name === instance.module && entry.digest === instance.moduleDigest);
  if (manifest) return manifest;
  throw new Refusal({
    code: 'plan.stale',
    subject: `module ${instance.module}`,
    message: `The catalogue no longer holds the version of ${instance.module} that was planned.`,
    remedy: 'Make a new plan.',
  });
}

async function inputFor(
  world: StepWorld,
  context: StepContext,
  instance: InstanceRef,
  manifest: ModuleManifest,
  guest: KnownGuest,
  hook: string,
  provide?: { binding: BindingPlan; request: JsonObject },
): Promise<HookInput> {
  const site = await siteOf(world, context);
  const recorded = await world.stacks.recorded(site.name);
  return assembleHookInput(world, {
    site,
    recorded,
    stackName: instance.stack,
    instance,
    manifest,
    guest: guest.recorded,
    hook,
    ...(provide ? { provide } : {}),
  });
}

async function runHook(
  world: StepWorld,
  context: StepContext,
  guest: KnownGuest,
  instance: InstanceRef,
  hook: string,
  input: HookInput,
): Promise<HookOutcome> {
  const target = targetOf(guest.recorded);
  const shell = shellContext(context, input.secrets);
  const moduleDirectory = await world.shell.deliver(
    target,
    {
      name: instance.module,
      digest: instance.moduleDigest,
      tar: () => world.catalogue.moduleTar(instance.module, instance.moduleDigest),
    },
    shell,
  );
  // Named after run, step and attempt. Who takes over, or tries again where nobody knows how the unit ended, is given the
  // name of the unit that may still run, and collects that one; a retry after the hook's own failure starts a new one.
  const unit =
    context.adopt ??
    `bastide-${context.run}-${context.stepId}-${context.attempt}`.toLowerCase().replace(/[^a-z0-9-]+/g, '-');
  if (!context.adopt) await context.taskStarted(unit);
  const outcome = await world.shell.runHook(target, { unit, moduleDirectory, hook, input: input.document }, shell);
  if (outcome.exitCode === 0) return outcome;
  const subject = `${instance.name}: ${hook}`;
  if (outcome.exitCode === INPUT_WRONG) {
    throw new Refusal({
      code: 'hook.refused',
      subject,
      message: outcome.error ?? 'The module refused its input without saying why.',
      remedy: 'Change the configuration accordingly and plan again.',
      details: { tail: outcome.tail },
    });
  }
  throw new WorldFailure({
    code: outcome.exitCode === TRY_LATER ? 'hook.try_later' : 'hook.failed',
    retryable: outcome.exitCode === TRY_LATER ? 'later' : 'never',
    message: `${subject} ended with exit code ${outcome.exitCode}${outcome.error ? `: ${outcome.error}` : ''}`,
    hint: 'The last lines of its log are below; the whole log is in the run.',
    details: { exitCode: outcome.exitCode, tail: outcome.tail },
  });
}

async function deliverArtifacts(
  world: StepWorld,
  context: StepContext,
  guest: KnownGuest,
  manifest: ModuleManifest,
): Promise<void> {
  for (const [name, artifact] of Object.entries(manifest.artifacts)) {
    context.waitingFor(`upload of ${name}`);
    await world.shell.upload(
      targetOf(guest.recorded),
      {
        source: await world.artifacts.path(artifact.sha256),
        path: artifactPath(artifact.sha256),
        mode: 0o644,
        sha256: artifact.sha256,
      },
      shellContext(context),
    );
  }
}

async function resolveRequest(world: StepWorld, context: StepContext, binding: BindingPlan): Promise<JsonObject> {
  const recorded = await world.stacks.recorded(context.site);
  const offers = Object.fromEntries(
    recorded.bindings
      .filter((entry) => entry.consumer === binding.consumer.id)
      .map((entry) => [entry.requirement, entry.offer]),
  );
  const { request, missing } = resolveBindingFacts(binding.request, offers);
  if (missing.length > 0)
    throw invalid(
      'request',
      binding,
      missing.map((fact) => ({ path: fact, message: 'is not in the offer' })),
    );
  return request;
}

/** What a hook wrote is untrusted: only the known fields, only of the right shape. */
function readOutput(outcome: HookOutcome, hook: string): { outputs: JsonObject; offer?: JsonObject } {
  const { output } = outcome;
  if (output === undefined || output === null) return { outputs: {} };
  const object = (value: unknown): value is JsonObject =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  const bad = (what: string): WorldFailure =>
    new WorldFailure({
      code: 'hook.output_invalid',
      retryable: 'never',
      message: `${hook} wrote an output that cannot be used: ${what}`,
    });
  if (!object(output)) throw bad('it is not an object');
  const { outputs, offer, todosDone, ...rest } = output as { [key: string]: unknown };
  if (Object.keys(rest).length > 0) throw bad(`unknown field ${Object.keys(rest)[0]}`);
  if (outputs !== undefined && !object(outputs)) throw bad('outputs is not an object');
  if (offer !== undefined && !object(offer)) throw bad('offer is not an object');
  if (todosDone !== undefined && !Array.isArray(todosDone)) throw bad('todosDone is not a list');
  return { outputs: outputs ?? {}, ...(offer ? { offer } : {}) };
}

function invalid(
  what: 'request' | 'offer',
  binding: BindingPlan,
  faults: readonly { path: string; message: string }[],
): WorldFailure {
  const list = faults.map((fault) => `${fault.path || what} ${fault.message}`).join('; ');
  return new WorldFailure({
    code: `binding.${what}_invalid`,
    retryable: 'never',
    message: `${binding.interface} between ${binding.consumer.name} and ${binding.provider.name}: ${what} is not usable: ${list}`,
    hint: `This is a fault of the module ${what === 'offer' ? binding.provider.module : binding.consumer.module}.`,
  });
}
