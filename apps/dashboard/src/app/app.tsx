import { MantineProvider, mergeThemeOverrides } from '@mantine/core';
import { ModalsProvider } from '@mantine/modals';
import { QueryClientProvider } from '@tanstack/react-query';
import { Suspense, useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { RouterProvider } from 'react-router';
import { queryClient } from '../api/query-client.js';
import { Loading } from '../components/loading.js';
import { OnItsWay } from '../components/on-its-way.js';
import { router } from './router.js';
import { theme } from './theme.js';

/** Everything around the pages. The theme's variables are a file (vite.config.ts), so none are written at run time. */
export function App() {
  const { t } = useTranslation('shell');
  const close = t('close');
  const worded = useMemo(() => {
    const defaultProps = { closeButtonProps: { 'aria-label': close } };
    return mergeThemeOverrides(theme, { components: { Modal: { defaultProps }, Drawer: { defaultProps } } });
  }, [close]);
  return (
    <MantineProvider theme={worded} defaultColorScheme="auto" withCssVariables={false} withGlobalClasses={false}>
      <QueryClientProvider client={queryClient}>
        <OnItsWay />
        <Suspense fallback={<Loading />}>
          <ModalsProvider>
            <RouterProvider router={router} />
          </ModalsProvider>
        </Suspense>
      </QueryClientProvider>
    </MantineProvider>
  );
}
