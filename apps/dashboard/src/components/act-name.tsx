import { useTranslation } from 'react-i18next';

/** What an act of the audit is called; one that has no name yet is shown by its code. */
export function ActName({ of }: { of: string }) {
  const { t } = useTranslation('acts');
  return <>{t(of.replace('.', '_'), { defaultValue: of })}</>;
}
