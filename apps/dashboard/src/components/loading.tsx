import { Center, Loader } from '@mantine/core';
import { useTranslation } from 'react-i18next';

/** Something is on its way. Shown for moments only: whatever takes longer has its own progress. */
export function Loading() {
  const { t } = useTranslation('shell', { useSuspense: false });
  return (
    <Center mih={160} role="status" aria-label={t('loading')}>
      <Loader size="sm" />
    </Center>
  );
}
