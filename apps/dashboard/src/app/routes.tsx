import type { RouteObject } from 'react-router';
import { loadTexts } from '../i18n/i18n.js';

/**
 * One page, loaded when it is opened together with its texts (files of `src/i18n`). The module's `Page` is shown. A text that
 * comes later takes the page away again: React shows the placeholder, and for 300 ms at the least.
 */
const page = (
  path: string,
  load: () => Promise<{ Page: () => React.ReactNode }>,
  ...texts: readonly string[]
): RouteObject => ({
  path,
  lazy: async () => {
    const [{ Page }] = await Promise.all([load(), loadTexts(texts)]);
    return { Component: Page };
  },
});

/** Pages without the shell: nobody is signed in yet. */
export const plainRoutes: RouteObject[] = [
  page('/first-run', () => import('../pages/first-run/first-run-page.js'), 'first-run'),
  page('/login', () => import('../pages/login/login-page.js'), 'login', 'passkeys'),
];

/** Pages inside the shell, one line each, sorted by path. */
export const framedRoutes: RouteObject[] = [
  page('/', () => import('../pages/home/home-page.js'), 'home', 'acts'),
  page('/audit', () => import('../pages/audit/audit-page.js'), 'audit', 'acts'),
  page('/catalogue', () => import('../pages/catalogue/catalogue-page.js'), 'catalogue'),
  page('/catalogue/blueprints/:name', () => import('../pages/catalogue/blueprint-page.js'), 'catalogue'),
  page(
    '/catalogue/blueprints/:name/install',
    () => import('../pages/install/install-page.js'),
    'install',
    'catalogue',
    'schema',
  ),
  page('/catalogue/modules/:name', () => import('../pages/catalogue/module-page.js'), 'catalogue'),
  page('/device', () => import('../pages/device/device-page.js'), 'device', 'passkeys'),
  page('/plans/:id', () => import('../pages/install/plan-page.js'), 'install', 'problems', 'steps'),
  page('/runs', () => import('../pages/run/runs-page.js'), 'runs', 'run'),
  page('/runs/:id', () => import('../pages/run/run-page.js'), 'run', 'steps', 'problems', 'install'),
  page(
    '/settings/:section?',
    () => import('../pages/settings/settings-page.js'),
    'settings',
    'connection',
    'notifications',
    'passkeys',
    'providers',
  ),
  page('/sites', () => import('../pages/sites/sites-page.js'), 'sites'),
  page('/sites/:name', () => import('../pages/sites/site-page.js'), 'sites'),
  page('/sites/connect', () => import('../pages/sites/connect-page.js'), 'connect'),
  page('/stacks', () => import('../pages/stacks/stacks-page.js'), 'stacks'),
  page('/stacks/:id/:tab?', () => import('../pages/stacks/stack-page.js'), 'stacks', 'schema'),
  page('*', () => import('../pages/not-found-page.js')),
];
