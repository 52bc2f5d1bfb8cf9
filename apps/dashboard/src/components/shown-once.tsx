import { Alert, Button, Code, CopyButton, Group, Stack, Text } from '@mantine/core';
import { IconKey } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';

/** A secret that is shown this one time: to be copied now. */
export function ShownOnce({ title, text, value }: { title: string; text: string; value: string }) {
  const { t } = useTranslation('shell');
  return (
    <Alert color="yellow" icon={<IconKey />} title={title} role="status">
      <Stack gap="xs">
        <Text size="sm">{text}</Text>
        <Code block data-shown-once>
          {value}
        </Code>
        <CopyButton value={value}>
          {({ copied, copy }) => (
            <Group>
              <Button size="xs" variant="default" onClick={copy}>
                {t(copied ? 'copied' : 'copy')}
              </Button>
            </Group>
          )}
        </CopyButton>
      </Stack>
    </Alert>
  );
}
