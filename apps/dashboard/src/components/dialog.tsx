import { Modal, type ModalProps } from '@mantine/core';
import { useTranslation } from 'react-i18next';

/** A dialog whose button to close has a name for those who hear the page. */
export function Dialog(props: ModalProps) {
  const { t } = useTranslation('shell');
  return <Modal closeButtonProps={{ 'aria-label': t('close') }} {...props} />;
}
