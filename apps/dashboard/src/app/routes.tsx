import type { RouteObject } from 'react-router';

/** One page, loaded when it is opened. The module's `Page` is shown. */
const page = (path: string, load: () => Promise<{ Page: () => React.ReactNode }>): RouteObject => ({
  path,
  lazy: async () => ({ Component: (await load()).Page }),
});

/** Pages without the shell: nobody is signed in yet. */
export const plainRoutes: RouteObject[] = [];

/** Pages inside the shell, one line each, sorted by path. */
export const framedRoutes: RouteObject[] = [
  page('/', () => import('../pages/home/home-page.js')),
  page('*', () => import('../pages/not-found-page.js')),
];
