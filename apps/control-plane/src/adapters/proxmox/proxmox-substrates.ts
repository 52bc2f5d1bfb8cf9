import type { Clock } from '../../application/clock.port.js';
import type { Substrate, Substrates } from '../../application/substrates/substrate.port.js';
import { Refusal } from '../../domain/problem.js';
import type { Site } from '../../domain/site/site.js';
import type { ClientOptions } from './proxmox-client.js';
import { ProxmoxSubstrate } from './proxmox-substrate.js';

export interface SubstrateSources {
  /** The site as it is now, or undefined. */
  readonly site: (name: string) => Promise<Site | undefined>;
  /** Value of a reference like `secret:pve-token` of that site. Never logged here. */
  readonly secret: (reference: string, site: string) => Promise<string>;
}

/**
 * Substrates by site and name. One client each is kept as long as settings and token stay the same, so connections and
 * queues are shared; a changed one (fingerprint confirmed anew, token rotated) replaces it at its next use.
 */
export class ProxmoxSubstrates implements Substrates {
  readonly #kept = new Map<string, { readonly made: string; readonly substrate: ProxmoxSubstrate }>();

  constructor(
    private readonly sources: SubstrateSources,
    private readonly clock: Clock,
    private readonly options?: ClientOptions,
  ) {}

  /** Throws `not_found` when the site or the substrate is unknown. */
  async get(site: string, substrate: string): Promise<Substrate> {
    const settings = (await this.sources.site(site)) ?? missing(`site ${site}`, 'Create the site first.');
    const found =
      settings.substrates[substrate] ??
      missing(
        `substrate ${substrate} of site ${site}`,
        `Known are: ${Object.keys(settings.substrates).join(', ') || 'none'}.`,
      );
    const token = await this.sources.secret(found.credential, site);
    const bridges = [...new Set(Object.values(settings.zones).map((zone) => zone.bridge))].sort();
    const made = JSON.stringify([found, bridges, token]);
    const key = JSON.stringify([site, substrate]);
    const kept = this.#kept.get(key);
    if (kept?.made === made) return kept.substrate;
    const fresh = new ProxmoxSubstrate({ name: substrate, substrate: found, bridges, token }, this.clock, this.options);
    this.#kept.set(key, { made, substrate: fresh });
    // The former one is not closed: calls under way may still use it; its idle connections end after seconds.
    return fresh;
  }

  /** At the end of the process. */
  async close(): Promise<void> {
    const all = [...this.#kept.values()];
    this.#kept.clear();
    await Promise.all(all.map(({ substrate }) => substrate.close()));
  }
}

function missing(subject: string, remedy: string): never {
  throw new Refusal({ code: 'not_found', subject, message: 'There is no such thing here.', remedy });
}
