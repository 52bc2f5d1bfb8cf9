import { useTranslation } from 'react-i18next';
import type { Dto } from '../../api/types.js';
import { formatBytes, formatNumber } from '../../components/formats.js';

/** What something takes: guests, processors, memory, disk; or that it has no guest and only connects others. */
export function NeedsLine({ of }: { of: Dto<'NeedsDto'> }) {
  const { t } = useTranslation('catalogue');
  if (of.guests === 0) return <>{t('noGuests')}</>;
  return (
    <>
      {[
        t('guests', { count: of.guests }),
        t('cpus', { count: of.cpus, number: formatNumber(of.cpus, 1) }),
        t('memory', { size: formatBytes(of.memoryMiB * 2 ** 20) }),
        t('disk', { size: formatBytes(of.diskGiB * 2 ** 30) }),
      ].join(' · ')}
    </>
  );
}
