import { type IdentityProvider, issuerFault, type RoleMapping } from '../../domain/account/identity-provider.js';
import type { StackId } from '../../domain/ids.js';
import { Refusal } from '../../domain/problem.js';
import type { Clock, NewId } from '../clock.port.js';
import type { SecretStore } from '../secrets/secret-store.port.js';
import type {
  IdentityProviderStore,
  ProviderAccess,
  ProviderClient,
  ProviderFinding,
} from './identity-provider.port.js';
import type { Sessions } from './sessions.js';
import type { FoundIdentity, StackIdentity } from './stack-identity.js';

export interface ProviderSettings {
  readonly name: string;
  readonly issuer?: string;
  readonly clientId?: string;
  readonly clientSecret?: string;
  readonly scopes?: readonly string[];
  readonly groupsClaim?: string;
  readonly mappings?: readonly RoleMapping[];
  readonly admitsUnknown?: boolean;
  readonly enabled?: boolean;
  /** null takes it away. */
  readonly caCertificate?: string | null;
  readonly stack?: StackId;
}

const SCOPES = ['openid', 'profile', 'email', 'groups'];
const secretName = (id: string): string => `identity-provider/${id}/client-secret`;
const CERTIFICATE = /^(?:-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*)+$/;

/** Identity providers as admins set them up. Their secrets go into the secret store and are shown nowhere. */
export class IdentityProviders {
  constructor(
    private readonly store: IdentityProviderStore,
    private readonly client: ProviderClient,
    private readonly secrets: SecretStore,
    private readonly stacks: StackIdentity,
    private readonly sessions: Sessions,
    private readonly siteNames: () => Promise<readonly string[]>,
    private readonly clock: Pick<Clock, 'now'>,
    private readonly newId: NewId,
  ) {}

  list(): Promise<readonly IdentityProvider[]> {
    return this.store.list();
  }

  /** Identity modules of stacks, with those that are providers already left out. */
  async offered(): Promise<readonly FoundIdentity[]> {
    const taken = new Set((await this.store.list()).map(({ stack }) => stack));
    return (await this.stacks.found()).filter(({ bound }) => bound === undefined || !taken.has(bound));
  }

  async get(id: string): Promise<IdentityProvider> {
    const found = await this.store.get(id);
    if (found) return found;
    throw new Refusal({
      code: 'not_found',
      subject: `identity provider ${id}`,
      message: 'There is no such identity provider.',
      remedy: 'Look at the list.',
    });
  }

  async create(wanted: ProviderSettings): Promise<IdentityProvider> {
    const bound = wanted.stack === undefined ? undefined : await this.stacks.offerOf(wanted.stack);
    const provider: IdentityProvider = {
      id: this.newId.next('idp'),
      name: wanted.name.trim(),
      issuer: bound?.issuer ?? wanted.issuer?.trim() ?? '',
      clientId: bound?.clientId ?? wanted.clientId?.trim() ?? '',
      scopes: wanted.scopes ?? SCOPES,
      groupsClaim: wanted.groupsClaim ?? bound?.groupsClaim ?? 'groups',
      mappings: wanted.mappings ?? [],
      admitsUnknown: wanted.admitsUnknown ?? true,
      enabled: wanted.enabled ?? true,
      ...(wanted.caCertificate ? { caCertificate: wanted.caCertificate } : {}),
      ...(wanted.stack === undefined ? {} : { stack: wanted.stack }),
      createdAt: this.clock.now(),
    };
    await this.#check(provider);
    if (wanted.stack !== undefined && (await this.store.list()).some(({ stack }) => stack === wanted.stack))
      throw invalid('stack', 'is a provider here already');
    if (wanted.clientSecret) await this.secrets.put(secretName(provider.id), wanted.clientSecret);
    await this.store.put(provider);
    return provider;
  }

  /** Absent fields stay. A disabled provider lets nobody in, and who came through it is out at once. */
  async change(id: string, changes: Partial<ProviderSettings>): Promise<IdentityProvider> {
    const before = await this.get(id);
    const { caCertificate, clientSecret, stack: _stack, ...rest } = changes;
    const { caCertificate: kept, ...others } = before;
    const certificate = caCertificate === undefined ? kept : caCertificate;
    const provider: IdentityProvider = {
      ...others,
      ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)),
      ...(certificate ? { caCertificate: certificate } : {}),
    };
    if (provider.issuer !== before.issuer && before.stack !== undefined)
      throw invalid('issuer', 'is that of the stack');
    await this.#check(provider);
    // A kept secret goes to the server it was given for, and to no other.
    const moved = new URL(provider.issuer).origin !== new URL(before.issuer).origin;
    if (moved && !clientSecret && (await this.hasSecret(before)))
      throw invalid('clientSecret', 'has to be given again when the issuer changes');
    if ((await this.store.put(provider)) === 'last_admin') throw lastAdmin(before.name);
    if (clientSecret) await this.secrets.put(secretName(id), clientSecret);
    if (!provider.enabled) await this.sessions.closeThroughProvider(id);
    return provider;
  }

  async remove(id: string): Promise<void> {
    const { name } = await this.get(id);
    if ((await this.store.remove(id)) === 'last_admin') throw lastAdmin(name);
    await this.secrets.removeUnder(`identity-provider/${id}/`);
    await this.sessions.closeThroughProvider(id);
  }

  async test(id: string, redirectUri: string): Promise<readonly ProviderFinding[]> {
    return await this.client.test(await this.access(await this.get(id)), redirectUri);
  }

  async hasSecret(provider: IdentityProvider): Promise<boolean> {
    return provider.stack !== undefined || (await this.secrets.get(secretName(provider.id))) !== undefined;
  }

  /** How to talk to it now; of a stack's binding what it says now, so that a secret made anew there is known here. */
  async access(provider: IdentityProvider): Promise<ProviderAccess> {
    const { issuer, clientId, scopes, groupsClaim, caCertificate, stack } = provider;
    if (stack !== undefined) {
      const { groupsClaim: _claim, ...offer } = await this.stacks.offerOf(stack);
      return { ...offer, scopes, groupsClaim };
    }
    const clientSecret = await this.secrets.get(secretName(provider.id));
    return {
      issuer,
      clientId,
      scopes,
      groupsClaim,
      ...(clientSecret === undefined ? {} : { clientSecret }),
      ...(caCertificate === undefined ? {} : { caCertificate }),
    };
  }

  async #check(provider: IdentityProvider): Promise<void> {
    const fault = issuerFault(provider.issuer);
    if (fault) throw invalid('issuer', fault);
    if (provider.clientId === '') throw invalid('clientId', 'is missing');
    if (!provider.scopes.includes('openid')) throw invalid('scopes', 'must contain openid');
    if (provider.caCertificate !== undefined && !CERTIFICATE.test(provider.caCertificate))
      throw invalid('caCertificate', 'must be certificates in PEM');
    const known = await this.siteNames();
    const strange = provider.mappings.find(({ site }) => site !== null && !known.includes(site));
    if (strange) throw invalid('mappings', `name the site ${strange.site}, which is not connected`);
  }
}

const invalid = (field: string, message: string): Refusal =>
  new Refusal({
    code: 'request.invalid',
    subject: field,
    message: `${field} ${message}.`,
    remedy: 'Correct it and try again.',
    details: { fields: [{ field, message }] },
  });

const lastAdmin = (name: string): Refusal =>
  new Refusal({
    code: 'conflict',
    subject: name,
    message: 'Without this provider no admin of all sites could log in.',
    remedy: 'Give an admin of all sites a password or a passkey first.',
  });
