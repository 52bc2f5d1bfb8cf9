import type { StackId } from '../../domain/ids.js';
import { interpolate } from '../../domain/module/interpolation.js';
import { Refusal } from '../../domain/problem.js';
import { shownModule } from '../../domain/stack/shown-module.js';
import { type RecordedGuest, unfinishedOf, type WantedStack } from '../../domain/stack/stack.js';
import { moduleIn } from '../../domain/translations.js';
import type { Catalogue } from '../catalogue/catalogue.port.js';
import type { SecretStore } from '../secrets/secret-store.port.js';
import type { StackStore } from './stack-store.port.js';

export interface StackView {
  readonly stack: WantedStack;
  readonly domain: string;
  readonly instances: readonly {
    readonly name: string;
    readonly module: string;
    readonly version: string;
    readonly appVersion: string;
    readonly ready: boolean;
    readonly guests: readonly {
      readonly name: string;
      readonly hostname: string;
      readonly address: string;
      readonly node: string;
      readonly vmid: number;
      readonly kind: 'container' | 'vm';
      readonly zone: string;
      readonly cpus: number;
      readonly memoryMiB: number;
      /** With its volumes. */
      readonly diskGiB: number;
      readonly rootGiB: number;
      readonly volumes: readonly { readonly name: string; readonly sizeGiB: number }[];
      readonly substrate: string;
    }[];
    /** Newest version of the module in the catalogue. */
    readonly newestVersion?: string;
  }[];
  /** Guests whose creation came to no end: half or whole, they may lie on the substrate until a plan of the stack clears them. */
  readonly unfinished: readonly {
    readonly instance: string;
    readonly name: string;
    readonly hostname: string;
    readonly substrate: string;
    readonly vmids: readonly number[];
  }[];
  /** Tiles for people. */
  readonly links: readonly { readonly instance: string; readonly title: string; readonly url: string }[];
  readonly bindings: readonly {
    readonly consumer: string;
    readonly requirement: string;
    readonly interface: string;
    readonly provider: string;
  }[];
}

/** A first password: shown to the admin who asks for it, nowhere else. */
export interface Credential {
  readonly instance: string;
  readonly name: string;
  readonly value: string;
}

export class ShowStack {
  constructor(
    private readonly stacks: StackStore,
    private readonly catalogue: Catalogue,
    private readonly secrets: SecretStore,
  ) {}

  async execute(id: StackId, languages: readonly string[] = []): Promise<StackView> {
    const stack = await this.#stack(id);
    const site = await this.stacks.getSite(stack.site);
    const recorded = await this.stacks.recorded(stack.site);
    const { modules } = await this.catalogue.load();
    const own = recorded.instances.filter((instance) => instance.stack === id);
    const nameOf = new Map(recorded.instances.map((instance) => [instance.id, instance.name]));
    const guestsOf = (instance: string): RecordedGuest[] =>
      recorded.guests.filter((guest) => guest.instance === instance);
    return {
      stack,
      domain: site?.domain ?? '',
      instances: own.map((instance) => {
        const guests = guestsOf(instance.id);
        const newest = modules.findLast((module) => module.name === instance.module)?.version;
        return {
          name: instance.name,
          module: instance.module,
          version: instance.version,
          appVersion: instance.appVersion,
          ready: guests.every((guest) => instance.configured[guest.name] !== undefined),
          guests: guests.map((guest) => ({
            name: guest.name,
            hostname: guest.spec.hostname,
            address: guest.spec.network.address,
            node: guest.node,
            vmid: guest.vmid,
            kind: guest.spec.kind,
            zone: guest.spec.network.zone,
            cpus: guest.spec.cpus,
            memoryMiB: guest.spec.memoryMiB,
            rootGiB: guest.spec.diskGiB,
            volumes: guest.spec.volumes.map(({ name, sizeGiB }) => ({ name, sizeGiB })),
            substrate: guest.substrate,
            diskGiB: guest.spec.diskGiB + guest.spec.volumes.reduce((total, volume) => total + volume.sizeGiB, 0),
          })),
          ...(newest ? { newestVersion: newest } : {}),
        };
      }),
      unfinished: unfinishedOf(id, recorded, (guest) => recorded.guests.some((one) => one.id === guest)).map(
        ({ spec, vmids }) => {
          const [, instance = '', name = ''] = spec.key.split('/');
          return { instance, name, hostname: spec.hostname, substrate: spec.substrate, vmids };
        },
      ),
      links: own.flatMap((instance) => {
        const facts: Record<string, string> = {
          'site.domain': site?.domain ?? '',
          'site.name': stack.site,
          'stack.name': stack.name,
          'instance.name': instance.name,
        };
        for (const [key, value] of Object.entries(instance.config)) facts[`config.${key}`] = String(value);
        const module = shownModule(instance, modules);
        return (module ? moduleIn(module, languages).tiles : []).map((tile) => ({
          instance: instance.name,
          title: tile.title,
          url: interpolate(tile.url, (name) => (facts[name] === undefined ? undefined : { value: facts[name] })).value,
        }));
      }),
      bindings: recorded.bindings
        .filter((binding) => own.some((instance) => instance.id === binding.consumer))
        .map((binding) => ({
          consumer: nameOf.get(binding.consumer) ?? binding.consumer,
          requirement: binding.requirement,
          interface: binding.interface,
          provider: nameOf.get(binding.provider) ?? binding.provider,
        })),
    };
  }

  /** First passwords that the modules declare as shown to the admin. */
  async credentials(id: StackId): Promise<readonly Credential[]> {
    const stack = await this.#stack(id);
    const recorded = await this.stacks.recorded(stack.site);
    const { modules } = await this.catalogue.load();
    const found: Credential[] = [];
    for (const instance of recorded.instances.filter((entry) => entry.stack === id)) {
      const module = shownModule(instance, modules);
      for (const [name, policy] of Object.entries(module?.secrets ?? {})) {
        const value = policy.shownToAdmin ? await this.secrets.get(`instance/${instance.id}/${name}`) : undefined;
        if (value !== undefined) found.push({ instance: instance.name, name, value });
      }
    }
    return found;
  }

  async #stack(id: StackId): Promise<WantedStack> {
    const stack = await this.stacks.getStack(id);
    if (stack) return stack;
    throw new Refusal({
      code: 'not_found',
      subject: `stack ${id}`,
      message: 'There is no such stack.',
      remedy: 'bastide stack list shows them.',
    });
  }
}
