import { draftSite } from '../domain/site/draft-site.js';
import { parseSite } from './documents.js';
import { renderSite } from './render-site.js';

const facts = {
  name: 'town',
  domain: 'town.example',
  country: 'FR',
  adminEmail: 'admin@town.example',
  endpoint: 'https://pve1.town.example:8006',
  fingerprint: Array.from({ length: 32 }, () => 'AB').join(':'),
  storages: [
    { name: 'local', content: ['vztmpl'], freeGiB: 900 },
    { name: 'slow', content: ['rootdir', 'images'], freeGiB: 50 },
    { name: 'fast', content: ['rootdir'], freeGiB: 400 },
  ],
  templates: [
    'local:vztmpl/alpine-3.tar.zst',
    'local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst',
    'local:vztmpl/debian-12-standard_12.12-1_amd64.tar.zst',
  ],
  bridges: [{ name: 'vmbr1' }, { name: 'vmbr0', cidr: '192.168.7.10/24', gateway: '192.168.7.1' }],
  guestIds: [100, 5_001, 6_999],
  controlPlane: '192.168.7.20',
};

describe('a site that is proposed', () => {
  it('is a document that reads back as the same site', () => {
    const { site } = draftSite(facts);
    const { value, diagnostics } = parseSite('site.yaml', renderSite(site));
    expect(diagnostics).toEqual([]);
    expect(value).toEqual(site);
  });

  it('takes the roomiest storage for containers, ids that nobody has, the bridge with an address', () => {
    const { site, open } = draftSite(facts);
    expect(site.substrates.pve).toMatchObject({
      storageClasses: { guests: 'fast' },
      guestIds: { from: 7_000, to: 7_999 },
    });
    expect(site.zones.apps).toEqual({
      bridge: 'vmbr0',
      cidr: '192.168.7.0/24',
      gateway: '192.168.7.1',
      addresses: { from: '192.168.7.180', to: '192.168.7.219' },
    });
    expect(open).toEqual(['zones.addresses']);
  });

  it('names what it could not guess, and is a document all the same', () => {
    const { site, open } = draftSite({
      ...facts,
      storages: [],
      templates: [],
      bridges: [{ name: 'vmbr9', cidr: '10.0.0.1/8', gateway: '10.0.0.2' }],
    });
    expect(open).toEqual(['storageClasses.guests', 'images.debian-12', 'zones', 'zones.addresses']);
    expect(parseSite('site.yaml', renderSite(site)).diagnostics).toEqual([]);
  });
});
