import type { RouteObject } from 'react-router';

/** One page, loaded when it is opened. The module's `Page` is shown. */
const page = (path: string, load: () => Promise<{ Page: () => React.ReactNode }>): RouteObject => ({
  path,
  lazy: async () => ({ Component: (await load()).Page }),
});

/** Pages without the shell: nobody is signed in yet. */
export const plainRoutes: RouteObject[] = [
  page('/first-run', () => import('../pages/first-run/first-run-page.js')),
  page('/login', () => import('../pages/login/login-page.js')),
];

/** Pages inside the shell, one line each, sorted by path. */
export const framedRoutes: RouteObject[] = [
  page('/', () => import('../pages/home/home-page.js')),
  page('/audit', () => import('../pages/audit/audit-page.js')),
  page('/catalogue', () => import('../pages/catalogue/catalogue-page.js')),
  page('/catalogue/blueprints/:name', () => import('../pages/catalogue/blueprint-page.js')),
  page('/catalogue/blueprints/:name/install', () => import('../pages/install/install-page.js')),
  page('/catalogue/modules/:name', () => import('../pages/catalogue/module-page.js')),
  page('/device', () => import('../pages/device/device-page.js')),
  page('/plans/:id', () => import('../pages/install/plan-page.js')),
  page('/runs', () => import('../pages/run/runs-page.js')),
  page('/runs/:id', () => import('../pages/run/run-page.js')),
  page('/settings/:section?', () => import('../pages/settings/settings-page.js')),
  page('/sites', () => import('../pages/sites/sites-page.js')),
  page('/sites/:name', () => import('../pages/sites/site-page.js')),
  page('/sites/connect', () => import('../pages/sites/connect-page.js')),
  page('/stacks', () => import('../pages/stacks/stacks-page.js')),
  page('/stacks/:id/:tab?', () => import('../pages/stacks/stack-page.js')),
  page('*', () => import('../pages/not-found-page.js')),
];
