import { Button } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { paths } from '../app/paths.js';
import { EmptyState } from '../components/empty-state.js';

/** An address that leads nowhere. */
export function Page() {
  const { t } = useTranslation('shell');
  return (
    <EmptyState
      title={t('notFound.title')}
      text={t('notFound.text')}
      action={
        <Button component={Link} to={paths.home()}>
          {t('notFound.home')}
        </Button>
      }
    />
  );
}
