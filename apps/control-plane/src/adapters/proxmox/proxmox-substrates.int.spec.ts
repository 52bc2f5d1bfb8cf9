import { ScriptedProxmox } from '../../../test/conformance/scripted-proxmox.js';
import { context, refusal } from '../../../test/conformance/substrate.js';
import { wallClock } from '../../../test/conformance/wall-clock.js';
import type { Site } from '../../domain/site/site.js';
import { ProxmoxSubstrates } from './proxmox-substrates.js';

describe('substrates of a site', () => {
  let server: ScriptedProxmox;
  let token = 'bastide@pve!cp=01fd5d75-24ba-49de-ae81-66830b4efc5f';
  let substrates: ProxmoxSubstrates;
  const asked: string[] = [];
  beforeEach(async () => {
    server = await ScriptedProxmox.open();
    server.answer = () => ({ body: [] });
    const site = siteAt(server);
    substrates = new ProxmoxSubstrates(
      {
        site: async (name) => (name === 'townhall' ? site : undefined),
        secret: async (reference, of) => {
          asked.push(`${of} ${reference}`);
          return token;
        },
      },
      wallClock,
    );
  });
  afterEach(async () => {
    await substrates.close();
    await server.close();
  });

  it('are reached with the secret that the site refers to', async () => {
    const substrate = await substrates.get('townhall', 'cluster');
    expect((await substrate.observe(context())).name).toBe('cluster');
    expect(asked).toContain('townhall secret:pve-token');
    expect(server.seen[0]?.authorization).toBe(`PVEAPIToken=${token}`);
  });

  it('stay the same client until settings or token change, and then use the new ones at once', async () => {
    const first = await substrates.get('townhall', 'cluster');
    expect(await substrates.get('townhall', 'cluster')).toBe(first);
    token = 'bastide@pve!cp=11111111-2222-3333-4444-555555555555';
    const second = await substrates.get('townhall', 'cluster');
    expect(second).not.toBe(first);
    await second.observe(context());
    expect(server.seen.at(-1)?.authorization).toBe(`PVEAPIToken=${token}`);
  });

  it('that nobody knows are refused by name', async () => {
    expect(await refusal(substrates.get('elsewhere', 'cluster'))).toBe('not_found');
    await expect(substrates.get('townhall', 'other')).rejects.toThrow('substrate other of site townhall');
  });
});

function siteAt(server: ScriptedProxmox): Site {
  const substrate = {
    kind: 'proxmox' as const,
    endpoint: server.endpoint,
    fingerprint: server.fingerprint,
    credential: 'secret:pve-token',
    guestIds: { from: 100, to: 200 },
    storageClasses: { guests: 'tank' },
    images: {},
    nodes: [],
  };
  return {
    name: 'townhall',
    domain: 'example.org',
    country: 'DE',
    locale: 'de',
    timeZone: 'Europe/Berlin',
    adminEmail: 'admin@example.org',
    resolvers: [],
    substrates: { cluster: substrate },
    zones: {},
    managementNetworks: [],
  };
}
