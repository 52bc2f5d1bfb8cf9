// The one-way streets of the house (docs/explanation/architecture.md): http, worker, adapters, documents → application → domain.
const CP = '^apps/control-plane/src';
/** A driver library and the only folder that may import it. */
const DRIVERS = [
  ['kysely', 'database'],
  ['pg', '(database|embedded)'],
  ['bullmq', 'queue'],
  ['ioredis', '(queue|embedded)'],
  ['proxmox-api', 'proxmox'],
  ['undici', '(proxmox|artifacts|accounts)'],
  ['openid-client', 'accounts'],
  ['jose', 'accounts'],
  ['@simplewebauthn/server', 'accounts'],
  ['rate-limiter-flexible', 'accounts'],
  ['ws', 'proxmox'],
  ['ssh2', 'ssh'],
  ['@peculiar/x509', 'certificates'],
];
module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true, dependencyTypesNot: ['type-only'] } },
    {
      name: 'domain-imports-only-itself',
      severity: 'error',
      comment: 'semver is pure data and functions, so it is allowed',
      from: { path: `${CP}/domain`, pathNot: '\\.spec\\.ts$' },
      to: { pathNot: [`${CP}/domain`, 'node_modules/semver'] },
    },
    {
      name: 'application-knows-domain-only',
      severity: 'error',
      from: { path: `${CP}/application`, pathNot: '\\.spec\\.ts$' },
      to: { path: [`${CP}/(http|worker|adapters|documents|config)`, 'node_modules/@nestjs'] },
    },
    {
      name: 'only-composition-meets-adapters',
      severity: 'error',
      from: { path: `${CP}/`, pathNot: [`${CP}/adapters`, `${CP}/composition`, '\\.spec\\.ts$'] },
      to: { path: `${CP}/adapters` },
    },
    {
      name: 'adapters-do-not-know-the-edge',
      severity: 'error',
      from: { path: `${CP}/adapters`, pathNot: '\\.spec\\.ts$' },
      to: { path: `${CP}/(http|worker)` },
    },
    {
      name: 'clients-know-only-the-openapi-document',
      severity: 'error',
      from: { path: '^apps/(dashboard|cli)/' },
      to: { path: CP },
    },
    {
      name: 'lab-stands-alone',
      severity: 'error',
      from: { path: '^apps/lab/', pathNot: '\\.spec\\.ts$' },
      to: { path: '^apps/(control-plane|cli|dashboard)/' },
    },
    {
      name: 'product-does-not-import-tests',
      severity: 'error',
      from: { path: '^apps/[^/]+/src', pathNot: '\\.spec\\.ts$' },
      to: { path: ['\\.spec\\.ts$', '^apps/[^/]+/test/'] },
    },
    ...DRIVERS.map(([library, folder]) => ({
      name: `driver-${library.replace(/\W/g, '-')}`,
      severity: 'error',
      from: { path: CP, pathNot: [`${CP}/adapters/${folder}/`] },
      to: { path: `node_modules/${library}/` },
    })),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    exclude: { path: '(^|/)(dist|coverage)/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
