import type { IdentityProviderStore, ProviderClient } from './identity-provider.port.js';
import type { IdentityProviders } from './identity-providers.js';
import type { Sessions } from './sessions.js';

/** Clocks differ; and what is sent again later must not end what began since. */
const SKEW_MS = 60_000;

/** Somebody signed out at a provider, which says so (OpenID Connect Back-Channel Logout 1.0): they are out here too. */
export class ProviderLogOut {
  constructor(
    private readonly providers: IdentityProviders,
    private readonly store: Pick<IdentityProviderStore, 'findIdentity'>,
    private readonly client: Pick<ProviderClient, 'readLogout'>,
    private readonly sessions: Sessions,
  ) {}

  /**
   * Answers of which provider, whose name here where the token says who it is, and how many sessions ended. That there
   * was none is no fault: they may have ended before. Fails with `request.invalid`, `auth.provider_away`.
   */
  async execute(id: string, token: string): Promise<{ provider: string; account?: string; ended: number }> {
    const provider = await this.providers.get(id);
    const { issuer, subject, session, at } = await this.client.readLogout(await this.providers.access(provider), token);
    const found = subject === undefined ? undefined : await this.store.findIdentity(issuer, subject);
    const known = found?.identity.provider === id ? found.account : undefined;
    if (subject !== undefined && !known) return { provider: provider.name, ended: 0 };
    const ended = await this.sessions.closeEndedOutside(id, at + SKEW_MS, {
      ...(known ? { accountId: known.id } : {}),
      ...(session === undefined ? {} : { session }),
    });
    return { provider: provider.name, ended, ...(known ? { account: known.name } : {}) };
  }
}
