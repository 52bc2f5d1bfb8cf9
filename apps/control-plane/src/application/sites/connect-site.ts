import { Refusal } from '../../domain/problem.js';
import type { Site } from '../../domain/site/site.js';
import type { Clock } from '../clock.port.js';
import type { SecretStore } from '../secrets/secret-store.port.js';
import type { StackStore } from '../stacks/stack-store.port.js';
import type { DoctorFinding, Substrates } from '../substrates/substrate.port.js';

const DOCTOR_MS = 60_000;

/** Name under which the value of a `secret:…` reference of a site is kept. */
export const siteSecret = (site: string, reference: string): string =>
  `site/${site}/${reference.replace(/^secret:/, '')}`;

/** Stores a site and the credentials it refers to. Credentials that are left out stay as they are. */
export class ConnectSite {
  constructor(
    private readonly stacks: StackStore,
    private readonly secrets: SecretStore,
  ) {}

  async execute(site: Site, credentials: Readonly<Record<string, string>>): Promise<Site> {
    const before = await this.stacks.getSite(site.name);
    if (
      before &&
      before.domain !== site.domain &&
      (await this.stacks.listStacks(site.name)).some((stack) => stack.state !== 'removed')
    ) {
      throw new Refusal({
        code: 'conflict',
        subject: `domain of site ${site.name}`,
        message: `The site has stacks below ${before.domain}; connecting it again does not carry them over.`,
        remedy: `Keep ${before.domain} in the document, and change it by a plan: bastide site domain ${site.name} ${site.domain}.`,
      });
    }
    for (const [name, substrate] of Object.entries(site.substrates)) {
      const value = credentials[substrate.credential.replace(/^secret:/, '')];
      if (value) await this.secrets.put(siteSecret(site.name, substrate.credential), value);
      else if ((await this.secrets.get(siteSecret(site.name, substrate.credential))) === undefined) {
        throw new Refusal({
          code: 'parameter.missing',
          subject: `credential ${substrate.credential} of substrate ${name}`,
          message: 'Its value is not known yet.',
          remedy: `Give it along: credentials: { "${substrate.credential.replace(/^secret:/, '')}": "user@realm!token=…" }.`,
        });
      }
    }
    await this.stacks.putSite(site);
    return site;
  }
}

/** Asks every substrate of a site what is missing. */
export class ExamineSite {
  constructor(
    private readonly stacks: StackStore,
    private readonly substrates: Substrates,
    private readonly clock: Clock,
  ) {}

  async execute(name: string): Promise<readonly (DoctorFinding & { readonly substrate: string })[]> {
    const site = await this.stacks.getSite(name);
    if (!site)
      throw new Refusal({
        code: 'not_found',
        subject: `site ${name}`,
        message: 'There is no such site.',
        remedy: 'bastide site list shows them.',
      });
    const all = await Promise.all(
      Object.keys(site.substrates).map(async (substrate) => {
        const context = {
          signal: AbortSignal.timeout(DOCTOR_MS),
          deadline: this.clock.now() + DOCTOR_MS,
          fence: async () => undefined,
        };
        const findings = await (await this.substrates.get(name, substrate)).doctor(context);
        return findings.map((finding) => ({ ...finding, substrate }));
      }),
    );
    return all.flat();
  }
}
