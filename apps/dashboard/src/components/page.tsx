import { Group, Stack, Text, Title } from '@mantine/core';
import { type ReactNode, useEffect } from 'react';
import { cleanText } from './clean-text.js';

/** A page's head and body: one title (also the window's), a line about it, and at most one primary action. */
export function Page({
  title,
  about,
  action,
  picture,
  children,
}: {
  title: string;
  about?: ReactNode;
  action?: ReactNode;
  picture?: ReactNode;
  children: ReactNode;
}) {
  useEffect(() => {
    document.title = `${cleanText(title).slice(0, 80)} · Bastide`;
  }, [title]);
  return (
    <Stack gap="xl">
      <Group justify="space-between" align="flex-start" gap="md">
        <Group gap="md" wrap="nowrap" align="flex-start" flex="1 1 16rem" miw={0}>
          {picture}
          <Stack gap={4} miw={0}>
            <Title order={1} size="h2" style={{ overflowWrap: 'anywhere' }}>
              <bdi>{cleanText(title)}</bdi>
            </Title>
            {about ? (
              <Text c="dimmed" component="div" style={{ overflowWrap: 'anywhere' }}>
                {about}
              </Text>
            ) : null}
          </Stack>
        </Group>
        {action}
      </Group>
      {children}
    </Stack>
  );
}
