import { layersOf } from '../../domain/catalogue-graph.js';
import type { StackId } from '../../domain/ids.js';
import type { PropertySchema } from '../../domain/module/manifest.js';
import { Refusal, WorldFailure } from '../../domain/problem.js';
import { shownModule } from '../../domain/stack/shown-module.js';
import type { RecordedBinding, RecordedGuest, RecordedInstance, WantedStack } from '../../domain/stack/stack.js';
import { inLanguages } from '../../domain/translations.js';
import type { Catalogue } from '../catalogue/catalogue.port.js';
import type { Clock } from '../clock.port.js';
import type { SecretStore } from '../secrets/secret-store.port.js';
import type { CallContext, Figure, FigureRange, Substrates } from '../substrates/substrate.port.js';
import type { StackStore } from './stack-store.port.js';

/** A field that may be set: its schema and what it has now. */
export interface Field {
  readonly name: string;
  readonly schema: PropertySchema;
  /** Absent: the schema's default. Never there for a secret one. */
  readonly value?: unknown;
}

export interface StackConfiguration {
  readonly site: string;
  readonly stack: string;
  readonly blueprint: string;
  readonly parameters: readonly Field[];
  readonly components: readonly { readonly name: string; readonly title: string; readonly value: boolean }[];
  readonly size: { readonly value: string; readonly choices: readonly string[] };
  readonly instances: readonly {
    readonly instance: string;
    readonly module: string;
    readonly fields: readonly Field[];
  }[];
}

const LOOK_MS = 20_000;

export interface SecretName {
  readonly instance: string;
  /** Of the secret, or of the requirement when two modules share it. */
  readonly name: string;
  readonly shownToAdmin: boolean;
  readonly interface?: string;
}

/** Stacks as screens show them: what may be configured, how the guests are now, how busy they were, which secrets there are. */
export class DescribeStack {
  constructor(
    private readonly stacks: StackStore,
    private readonly catalogue: Catalogue,
    private readonly substrates: Substrates,
    private readonly secrets: SecretStore,
    private readonly clock: Pick<Clock, 'now'>,
  ) {}

  async configuration(id: StackId, languages: readonly string[]): Promise<StackConfiguration> {
    const { stack, instances } = await this.#load(id);
    const content = inLanguages(await this.catalogue.load(), languages);
    const blueprint = content.blueprints.find(
      ({ name, version }) => name === stack.blueprint.name && version === stack.blueprint.version,
    );
    const layers = blueprint ? layersOf(blueprint, content) : [];
    const parameters: Record<string, PropertySchema> = Object.assign({}, ...layers.map((layer) => layer.parameters));
    const components = Object.assign({}, ...layers.map((layer) => layer.components)) as Record<
      string,
      { title: string; default: boolean }
    >;
    return {
      site: stack.site,
      stack: stack.name,
      blueprint: stack.blueprint.name,
      parameters: fieldsOf(parameters, stack.parameters),
      components: Object.entries(components).map(([name, component]) => ({
        name,
        title: component.title,
        value: stack.components[name] ?? component.default,
      })),
      size: { value: stack.size, choices: [...new Set(layers.flatMap((layer) => Object.keys(layer.sizes)))] },
      instances: instances.flatMap((instance) => {
        const manifest = shownModule(instance, content.modules);
        return manifest
          ? [
              {
                instance: instance.name,
                module: instance.module,
                fields: fieldsOf(manifest.config.properties, instance.config),
              },
            ]
          : [];
      }),
    };
  }

  async figures(
    id: StackId,
    range: FigureRange,
  ): Promise<
    readonly {
      readonly instance: string;
      readonly guest: string;
      readonly points: readonly Figure[];
      readonly error?: string;
    }[]
  > {
    const { stack, instances, guests } = await this.#load(id);
    const nameOf = new Map(instances.map((instance) => [instance.id, instance.name]));
    return await Promise.all(
      guests.map(async (guest) => {
        const about = { instance: nameOf.get(guest.instance) ?? guest.instance, guest: guest.name };
        try {
          const substrate = await this.substrates.get(stack.site, guest.substrate);
          const at = { vmid: guest.vmid, node: guest.node, kind: guest.spec.kind };
          return { ...about, points: await substrate.figures(at, range, this.#context()) };
        } catch (error) {
          if (!(error instanceof WorldFailure || error instanceof Refusal)) throw error;
          const message = error instanceof Refusal ? error.problem.message : error.failure.message;
          return { ...about, points: [], error: message };
        }
      }),
    );
  }

  async secretNames(id: StackId): Promise<readonly SecretName[]> {
    const { instances, bindings } = await this.#load(id);
    const { modules, interfaces } = await this.catalogue.load();
    const shared = new Set(
      interfaces.filter(({ secrets }) => Object.keys(secrets).length > 0).map((definition) => definition.name),
    );
    return instances.flatMap((instance) => [
      ...Object.entries(shownModule(instance, modules)?.secrets ?? {}).map(([name, { shownToAdmin }]) => ({
        instance: instance.name,
        name,
        shownToAdmin,
      })),
      ...bindings
        .filter((binding) => binding.consumer === instance.id && shared.has(binding.interface))
        .map((binding) => ({
          instance: instance.name,
          name: binding.requirement,
          shownToAdmin: false,
          interface: binding.interface,
        })),
    ]);
  }

  /** The value; whoever asks is in the audit. */
  async reveal(id: StackId, instanceName: string, name: string): Promise<string> {
    const { instances } = await this.#load(id);
    const { modules } = await this.catalogue.load();
    const instance = instances.find((entry) => entry.name === instanceName);
    // Only what the module declares: the store holds keys of other things under this prefix too.
    const declared = instance && shownModule(instance, modules)?.secrets[name];
    const value = declared && (await this.secrets.get(`instance/${instance.id}/${name}`));
    if (value !== undefined) return value;
    throw new Refusal({
      code: 'not_found',
      subject: `secret ${instanceName}.${name}`,
      message: 'The stack has no such secret, or it was not made yet.',
      remedy: 'Look at the list of its secrets.',
    });
  }

  #context(): CallContext {
    return { signal: AbortSignal.timeout(LOOK_MS), deadline: this.clock.now() + LOOK_MS, fence: async () => undefined };
  }

  async #load(id: StackId): Promise<{
    stack: WantedStack;
    instances: RecordedInstance[];
    guests: RecordedGuest[];
    /** Of the whole site. */
    bindings: readonly RecordedBinding[];
  }> {
    const stack = await this.stacks.getStack(id);
    if (!stack) {
      throw new Refusal({
        code: 'not_found',
        subject: `stack ${id}`,
        message: 'There is no such stack.',
        remedy: 'bastide stack list shows them.',
      });
    }
    const recorded = await this.stacks.recorded(stack.site);
    return {
      stack,
      instances: recorded.instances.filter((instance) => instance.stack === id),
      guests: recorded.guests.filter((guest) => guest.stack === id),
      bindings: recorded.bindings,
    };
  }
}

const fieldsOf = (
  schemas: Readonly<Record<string, PropertySchema>>,
  values: Readonly<Record<string, unknown>>,
): readonly Field[] =>
  Object.entries(schemas).map(([name, schema]) => ({
    name,
    schema,
    ...(values[name] === undefined || schema.secret ? {} : { value: values[name] }),
  }));
