import { Select } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { queryClient } from '../api/query-client.js';
import { chooseLanguage, LANGUAGES, type LanguageCode } from '../i18n/i18n.js';

/** The language of the screens. `onChosen` is told, to keep it with the account. */
export function LanguageChoice({ onChosen }: { onChosen?: (code: LanguageCode) => void }) {
  const { t, i18n } = useTranslation('shell');
  return (
    <Select
      label={t('language')}
      data={Object.entries(LANGUAGES).map(([value, label]) => ({ value, label }))}
      value={i18n.resolvedLanguage ?? 'en'}
      allowDeselect={false}
      onChange={(code) => {
        if (!code) return;
        // Texts of modules come from the server, in the language of then.
        void chooseLanguage(code as LanguageCode).then(() => queryClient.invalidateQueries());
        onChosen?.(code as LanguageCode);
      }}
    />
  );
}
