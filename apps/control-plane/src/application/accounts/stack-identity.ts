import type { StackId } from '../../domain/ids.js';
import { Refusal } from '../../domain/problem.js';
import type { SecretStore } from '../secrets/secret-store.port.js';
import type { StackStore } from '../stacks/stack-store.port.js';
import type { ProviderAccess } from './identity-provider.port.js';

type Offer = Omit<ProviderAccess, 'scopes' | 'clientSecret'> & { readonly clientSecret: string };

/** The end of an oidc/v1 binding that is this control plane: a stack whose module asks for one and has no guest. */
export class StackIdentity {
  constructor(
    private readonly stacks: Pick<StackStore, 'getStack' | 'recorded'>,
    private readonly secrets: Pick<SecretStore, 'get'>,
  ) {}

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
