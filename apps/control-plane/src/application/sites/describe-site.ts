import { Refusal, WorldFailure } from '../../domain/problem.js';
import { domainLeftBehind } from '../../domain/site/domain-change.js';
import type { Site } from '../../domain/site/site.js';
import type { ObservedNode, ObservedStorage } from '../../domain/stack/observed.js';
import type { Clock } from '../clock.port.js';
import type { StackStore } from '../stacks/stack-store.port.js';
import type { Substrates } from '../substrates/substrate.port.js';

export interface SubstrateView {
  readonly name: string;
  readonly endpoint: string;
  readonly fingerprint: string;
  readonly reachable: boolean;
  /** Why not, in words. */
  readonly error?: string;
  /** The server shows another certificate than the confirmed one. */
  readonly presented?: string;
  readonly nodes: readonly ObservedNode[];
  readonly storages: readonly ObservedStorage[];
}

const LOOK_MS = 20_000;

/** Sites as screens show them: nodes, room, storages, and whether their substrates answer with the certificate we know. */
export class DescribeSite {
  constructor(
    private readonly stacks: StackStore,
    private readonly substrates: Substrates,
    private readonly clock: Pick<Clock, 'now'>,
  ) {}

  async execute(name: string): Promise<{
    readonly site: Site;
    readonly stacks: number;
    readonly substrates: readonly SubstrateView[];
    /** Domain that the site still has parts in: its change to the present one was broken off. */
    readonly leaving?: string;
  }> {
    const site = await this.#site(name);
    const leaving = domainLeftBehind(await this.stacks.recorded(name), site.domain);
    const stacks = (await this.stacks.listStacks(name)).filter((stack) => stack.state !== 'removed').length;
    const substrates = await Promise.all(
      Object.entries(site.substrates).map(async ([substrate, { endpoint, fingerprint }]): Promise<SubstrateView> => {
        const about = { name: substrate, endpoint, fingerprint };
        try {
          const seen = await (await this.substrates.get(name, substrate)).observe({
            signal: AbortSignal.timeout(LOOK_MS),
            deadline: this.clock.now() + LOOK_MS,
            fence: async () => undefined,
          });
          return { ...about, reachable: true, nodes: seen.nodes, storages: seen.storages };
        } catch (error) {
          if (!(error instanceof WorldFailure || error instanceof Refusal)) throw error;
          const foreign = error instanceof Refusal && error.problem.code === 'certificate.foreign';
          return {
            ...about,
            reachable: false,
            error: error instanceof Refusal ? error.problem.message : error.failure.message,
            ...(foreign ? { presented: String(error.problem.details?.found ?? '') } : {}),
            nodes: [],
            storages: [],
          };
        }
      }),
    );
    return { site, stacks, substrates, ...(leaving ? { leaving } : {}) };
  }

  /** Trusts another certificate from now on: the admin has compared it on the node itself. */
  async repin(name: string, substrate: string, fingerprint: string): Promise<Site> {
    const site = await this.#site(name);
    const settings = site.substrates[substrate];
    if (!settings) {
      throw new Refusal({
        code: 'not_found',
        subject: `substrate ${substrate} of site ${name}`,
        message: 'There is no such substrate.',
        remedy: `It has: ${Object.keys(site.substrates).join(', ')}.`,
      });
    }
    const changed = { ...site, substrates: { ...site.substrates, [substrate]: { ...settings, fingerprint } } };
    await this.stacks.putSite(changed);
    return changed;
  }

  async #site(name: string): Promise<Site> {
    const site = await this.stacks.getSite(name);
    if (site) return site;
    throw new Refusal({
      code: 'not_found',
      subject: `site ${name}`,
      message: 'There is no such site.',
      remedy: 'bastide site list shows them.',
    });
  }
}
