/** The one builder of the dashboard's paths; everything else navigates by these. */
const part = encodeURIComponent;

export const paths = {
  home: () => '/',
  login: (next?: string) => (next && next !== '/' ? `/login?next=${part(next)}` : '/login'),
  /** Leaves the dashboard for an identity provider, so it is an address and no page of ours. */
  provider: (id: string, next: string) => `api/v1/session/providers/${part(id)}/start?next=${part(next)}`,
  device: () => '/device',
  firstRun: () => '/first-run',
  catalogue: () => '/catalogue',
  module: (name: string) => `/catalogue/modules/${part(name)}`,
  blueprint: (name: string) => `/catalogue/blueprints/${part(name)}`,
  install: (blueprint: string) => `/catalogue/blueprints/${part(blueprint)}/install`,
  plan: (id: string) => `/plans/${part(id)}`,
  connectSite: () => '/sites/connect',
  stacks: () => '/stacks',
  stack: (id: string, tab?: string) => `/stacks/${part(id)}${tab ? `/${tab}` : ''}`,
  sites: () => '/sites',
  site: (name: string) => `/sites/${part(name)}`,
  runs: () => '/runs',
  run: (id: string) => `/runs/${part(id)}`,
  audit: () => '/audit',
  settings: (section?: string) => (section ? `/settings/${section}` : '/settings'),
};
