import { MantineProvider } from '@mantine/core';
import { ModalsProvider } from '@mantine/modals';
import { QueryClientProvider } from '@tanstack/react-query';
import { Suspense } from 'react';
import { RouterProvider } from 'react-router';
import { queryClient } from '../api/query-client.js';
import { Loading } from '../components/loading.js';
import { router } from './router.js';
import { theme } from './theme.js';

/** Everything around the pages. The theme's variables are a file (vite.config.ts), so none are written at run time. */
export function App() {
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto" withCssVariables={false} withGlobalClasses={false}>
      <QueryClientProvider client={queryClient}>
        <Suspense fallback={<Loading />}>
          <ModalsProvider>
            <RouterProvider router={router} />
          </ModalsProvider>
        </Suspense>
      </QueryClientProvider>
    </MantineProvider>
  );
}
