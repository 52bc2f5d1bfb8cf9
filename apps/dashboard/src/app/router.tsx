import { createBrowserRouter } from 'react-router';
import { RouteProblem } from './route-problem.js';
import { framedRoutes, plainRoutes } from './routes.js';
import { Shell } from './shell.js';

/** The path of the document's base, so that the pages work under a path behind a proxy. */
const basename = new URL('.', document.baseURI).pathname.replace(/\/$/, '') || '/';

export const router = createBrowserRouter(
  [
    ...plainRoutes.map((route) => ({ ...route, ErrorBoundary: RouteProblem })),
    {
      Component: Shell,
      ErrorBoundary: RouteProblem,
      children: [{ ErrorBoundary: RouteProblem, children: framedRoutes }],
    },
  ],
  { basename },
);
