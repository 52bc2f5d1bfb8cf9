import { Button, Group, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Dialog } from './dialog.js';

/**
 * The question before something small is taken away: what it is, what goes with it, and the way back, which has the focus.
 * `of`: what is asked about; the dialog is open while there is something. What deserves more thought is typed (ConfirmName).
 */
export function ConfirmRemoval<T extends object>({
  of,
  title,
  text,
  label,
  onClose,
  onConfirm,
}: {
  of: T | undefined;
  title: (of: T) => string;
  text: string;
  label: string;
  onClose: () => void;
  onConfirm: (of: T) => void;
}) {
  const { t } = useTranslation('shell');
  // Its name stands there until the dialog has faded.
  const [asked, setAsked] = useState(of);
  if (of !== undefined && of !== asked) setAsked(of);
  const confirm = (): void => {
    if (of) onConfirm(of);
    onClose();
  };
  return (
    <Dialog opened={of !== undefined} onClose={onClose} title={asked ? title(asked) : ''}>
      <Stack>
        <Text size="sm">{text}</Text>
        <Group justify="flex-end">
          <Button variant="default" data-autofocus onClick={onClose}>
            {t('back')}
          </Button>
          <Button color="red" onClick={confirm}>
            {label}
          </Button>
        </Group>
      </Stack>
    </Dialog>
  );
}
