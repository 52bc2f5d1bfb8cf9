import { Button, Code, CopyButton, Group, Stack } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { cleanText } from './clean-text.js';

/** Commands, documents, fingerprints: as they are, reached by keyboard where they are wider than the page. `copy`: with a button. */
export function CodeBlock({ children, copy }: { children: string; copy?: boolean }) {
  const { t } = useTranslation('shell');
  const text = cleanText(children);
  const block = (
    <Code block tabIndex={0} dir="ltr">
      {text}
    </Code>
  );
  if (!copy) return block;
  return (
    <Stack gap={6}>
      {block}
      <CopyButton value={text}>
        {(clipboard) => (
          <Group>
            <Button size="compact-xs" variant="default" onClick={clipboard.copy}>
              {t(clipboard.copied ? 'copied' : 'copy')}
            </Button>
          </Group>
        )}
      </CopyButton>
    </Stack>
  );
}
