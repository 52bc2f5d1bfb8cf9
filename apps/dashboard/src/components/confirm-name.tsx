import { Button, Stack, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';

/** A button for what cannot be taken back: it works once the name has been typed. */
export function ConfirmName({
  name,
  text,
  label,
  busy,
  disabledReason,
  colour = 'red',
  onConfirm,
}: {
  name: string;
  text: string;
  label: string;
  busy: boolean;
  disabledReason?: string | undefined;
  colour?: string;
  onConfirm: () => void;
}) {
  const { t } = useTranslation('shell');
  const [typed, setTyped] = useState('');
  return (
    <Stack gap="xs" maw={460}>
      <Text size="sm">{text}</Text>
      <TextInput
        label={t('confirmName', { name })}
        value={typed}
        onChange={(event) => setTyped(event.currentTarget.value)}
        autoComplete="off"
      />
      <Button
        color={colour}
        w="fit-content"
        loading={busy}
        disabled={typed !== name || disabledReason !== undefined}
        onClick={onConfirm}
      >
        {label}
      </Button>
      {disabledReason ? (
        <Text size="xs" c="dimmed">
          {disabledReason}
        </Text>
      ) : null}
    </Stack>
  );
}
