import type { StackId } from '../../domain/ids.js';
import { Refusal } from '../../domain/problem.js';
import type { SecretStore } from '../secrets/secret-store.port.js';
import type { StackStore } from '../stacks/stack-store.port.js';
import type { ProviderAccess } from './identity-provider.port.js';

type Offer = Omit<ProviderAccess, 'scopes' | 'clientSecret'> & { readonly clientSecret: string };

/** An identity module of a site, and the stack that binds this control plane to it, if there is one. */
export interface FoundIdentity {
  readonly site: string;
  /** Name of the stack that the identity module belongs to. */
  readonly stack: string;
  /** The binding is there and can be used. */
  readonly bound?: StackId;
}

/** The blueprint, and the name of the stack, that makes this control plane a client. */
const CONSUMER = 'dashboard-sign-in';

/** The end of an oidc/v1 binding that is this control plane: a stack whose module asks for one and has no guest. */
export class StackIdentity {
  constructor(
    private readonly stacks: Pick<StackStore, 'getStack' | 'listSites' | 'recorded'>,
    private readonly secrets: Pick<SecretStore, 'get'>,
    /** Names of modules that provide oidc/v1. */
    private readonly identityModules: () => Promise<ReadonlySet<string>>,
  ) {}

  /** Identity modules of all sites that the control plane could be, or is, a client of. */
  async found(): Promise<readonly FoundIdentity[]> {
    const known = await this.identityModules();
    const found: FoundIdentity[] = [];
    for (const { name: site } of await this.stacks.listSites()) {
      const { stacks, instances, bindings } = await this.stacks.recorded(site);
      const consumers = instances.filter(({ module }) => module === CONSUMER);
      for (const identity of instances.filter(({ module }) => known.has(module))) {
        const consumer = consumers.find(({ id }) =>
          bindings.some((one) => one.consumer === id && one.provider === identity.id && one.offerDigest !== ''),
        );
        const stack = stacks.find(({ id }) => id === identity.stack)?.name ?? identity.stack;
        found.push({ site, stack, ...(consumer ? { bound: consumer.stack } : {}) });
      }
    }
    return found;
  }

  /** What the identity module offers. Fails with `not_found` while there is no finished binding. */
  async offerOf(id: StackId): Promise<Offer> {
    const stack = await this.stacks.getStack(id);
    const { instances, bindings } = stack ? await this.stacks.recorded(stack.site) : { instances: [], bindings: [] };
    const own = new Set(instances.filter((instance) => instance.stack === id).map((instance) => instance.id));
    const binding = bindings.find(
      (one) => one.interface === 'oidc/v1' && own.has(one.consumer) && one.offerDigest !== '',
    );
    const clientSecret = binding && (await this.secrets.get(`offer/${binding.id}/clientSecret`));
    if (!binding || clientSecret === undefined) {
      throw new Refusal({
        code: 'not_found',
        subject: `stack ${stack?.name ?? id}`,
        message: 'It binds the control plane to no identity module.',
        remedy: 'Install the blueprint dashboard-sign-in on the site and wait for its run to end.',
      });
    }
    const text = (field: string): string => String(binding.offer[field] ?? '');
    // People's machines find the site's names, this machine may not: its gateway's address is in the provider's own route.
    const route = bindings.find((one) => one.interface === 'http-route/v1' && one.consumer === binding.provider);
    const address = route?.offer['externalAddress'];
    return {
      issuer: text('issuer'),
      clientId: text('clientId'),
      clientSecret,
      groupsClaim: text('groupsClaim') || 'groups',
      ...(text('caCertificate') ? { caCertificate: text('caCertificate') } : {}),
      ...(typeof address === 'string' ? { connectTo: address } : {}),
    };
  }
}
