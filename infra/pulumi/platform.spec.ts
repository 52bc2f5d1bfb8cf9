import * as pulumi from '@pulumi/pulumi';
import { neededRights } from '../../apps/control-plane/src/adapters/proxmox/privileges.js';
import type { Site } from '../../apps/control-plane/src/domain/site/site.js';
import { type ControlPlaneGuest, type PlatformOptions, platform } from './platform.js';

interface Made {
  readonly type: string;
  readonly name: string;
  readonly inputs: Record<string, unknown>;
}

/** Everything the programme would create, as Pulumi's engine is told. Answers are what the provider computes. */
let made: Made[] = [];

beforeEach(async () => {
  made = [];
  await pulumi.runtime.setMocks({
    newResource({ type, name, inputs, id }) {
      made.push({ type, name, inputs });
      const state = type.endsWith(':Token')
        ? { ...inputs, value: `${inputs.userId}!${inputs.tokenName}=uuid` }
        : inputs;
      return { id: id || name, state };
    },
    call: ({ inputs }) => inputs,
  });
});

const site: Site = {
  name: 'town',
  domain: 'town.example',
  country: 'FR',
  locale: 'fr',
  timeZone: 'Europe/Paris',
  adminEmail: 'admin@town.example',
  resolvers: ['192.0.2.53'],
  managementNetworks: ['10.20.0.0/24'],
  substrates: {
    pve: {
      kind: 'proxmox',
      endpoint: 'https://pve1.town.example:8006',
      fingerprint: 'AA',
      credential: 'secret:pve-token',
      guestIds: { from: 5000, to: 5999 },
      storageClasses: { guests: 'local-zfs' },
      images: {
        'debian-12': {
          container: {
            volume: 'local:vztmpl/debian-12.tar.zst',
            url: 'https://images.example/d12',
            sha256: 'ab'.repeat(32),
          },
        },
      },
      nodes: ['pve1', 'pve2'],
      pool: 'bastide',
    },
  },
  zones: {
    services: {
      bridge: 'vmbr0',
      vlan: 20,
      cidr: '10.20.0.0/24',
      gateway: '10.20.0.1',
      addresses: { from: '10.20.0.10', to: '10.20.0.250' },
    },
  },
};
const guest: ControlPlaneGuest = {
  node: 'pve1',
  vmId: 4999,
  storage: 'local-zfs',
  template: 'local:vztmpl/debian-12.tar.zst',
  zone: 'services',
  address: '10.20.0.5/24',
  sshKeys: ['ssh-ed25519 AAAA admin'],
};

const value = <T>(output: pulumi.Output<T>) => new Promise<T>((done) => void output.apply(done));

/** Runs the programme until the engine has heard of everything; the mocks answer in later turns. */
async function run(more: Partial<PlatformOptions> = {}) {
  const result = platform({ site, substrate: 'pve', major: 9, ...more });
  const credential = await value(result.credential);
  for (let before = -1; before !== made.length; ) {
    before = made.length;
    await new Promise((next) => setTimeout(next, 20));
  }
  return { credential, secret: await pulumi.isSecret(result.credential) };
}
const of = (type: string) => made.filter((m) => m.type.toLowerCase().endsWith(`:${type}`)).map((m) => m.inputs);

test('the grants are exactly what the doctor asks for, for the user and for its token', async () => {
  await run();
  const needs = neededRights(site.substrates.pve as never, ['vmbr0'], 9);
  const acls = of('acl');
  const paths = new Set(needs.map((need) => need.path));
  const pathsOf = (whose: (acl: Record<string, unknown>) => boolean) => new Set(acls.filter(whose).map((a) => a.path));
  expect(pathsOf((a) => a.userId === 'bastide@pve')).toEqual(paths);
  expect(pathsOf((a) => a.tokenId === 'bastide@pve!control')).toEqual(paths);
  const [role] = of('rolelegacy');
  expect(role?.privileges).toEqual([...new Set(needs.flatMap((need) => need.privileges))].sort());
});

test('the grant on the root of the tree does not pass on', async () => {
  await run();
  expect(
    of('acl')
      .filter((a) => a.path === '/')
      .map((a) => a.propagate),
  ).toEqual([false, false]);
  expect(
    of('acl')
      .filter((a) => a.path !== '/')
      .every((a) => a.propagate === true),
  ).toBe(true);
});

test('the credential is a secret, in the form that `site connect` takes', async () => {
  expect(await run()).toEqual({ credential: 'bastide@pve!control=uuid', secret: true });
  expect(of('token')[0]).toMatchObject({ privilegesSeparation: true });
});

test('images with a URL are fetched once on each node, with their digest', async () => {
  await run();
  expect(of('filelegacy')).toEqual(
    ['pve1', 'pve2'].map((nodeName) => ({
      nodeName,
      contentType: 'vztmpl',
      datastoreId: 'local',
      fileName: 'debian-12.tar.zst',
      url: 'https://images.example/d12',
      checksum: 'ab'.repeat(32),
      checksumAlgorithm: 'sha256',
    })),
  );
});

test('the control plane gets a protected container outside the ranges of stacks', async () => {
  await run({ controlPlane: guest });
  expect(of('containerlegacy')).toEqual([
    expect.objectContaining({
      vmId: 4999,
      protection: true,
      unprivileged: true,
      networkInterfaces: [{ name: 'eth0', bridge: 'vmbr0', vlanId: 20 }],
      initialization: expect.objectContaining({
        ipConfigs: [{ ipv4: { address: '10.20.0.5/24', gateway: '10.20.0.1' } }],
      }),
    }),
  ]);
});

test.each([
  [
    'an address that stacks are given',
    { controlPlane: { ...guest, address: '10.20.0.10/24' } },
    /10\.20\.0\.10\/24 lies in the range/,
  ],
  ['a guest id that stacks are given', { controlPlane: { ...guest, vmId: 5000 } }, /Guest id 5000 lies in the range/],
  ['a zone the site does not have', { controlPlane: { ...guest, zone: 'attic' } }, /no zone "attic"/],
  ['a substrate the site does not have', { substrate: 'other' }, /no substrate "other"; it has: pve/],
])('%s is refused in words', (_what, more, words) => {
  expect(() => platform({ site, substrate: 'pve', major: 9, ...more })).toThrow(words);
});
