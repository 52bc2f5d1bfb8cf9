import { useTranslation } from 'react-i18next';
import { EmptyState } from '../../components/empty-state.js';
import { Page as Frame } from '../../components/page.js';

/** The first look: how everything is. */
export function Page() {
  const { t } = useTranslation('home');
  return (
    <Frame title={t('title')}>
      <EmptyState title={t('empty.title')} text={t('empty.text')} />
    </Frame>
  );
}
