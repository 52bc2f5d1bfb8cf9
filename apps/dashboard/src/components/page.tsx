import { Group, Stack, Text, Title } from '@mantine/core';
import { type ReactNode, useEffect } from 'react';
import { cleanText } from './clean-text.js';

/** A page's head and body: one title (also the window's), a line about it, and at most one primary action. */
export function Page({
  title,
  about,
  action,
  children,
}: {
  title: string;
  about?: ReactNode;
  action?: ReactNode;
  children: ReactNode;
}) {
  useEffect(() => {
    document.title = `${cleanText(title).slice(0, 80)} · Bastide`;
  }, [title]);
  return (
    <Stack gap="xl">
      <Group justify="space-between" align="flex-start" gap="md">
        <Stack gap={4} miw={0} flex="1 1 16rem">
          <Title order={1} size="h2">
            <bdi>{cleanText(title)}</bdi>
          </Title>
          {about ? (
            <Text c="dimmed" component="div">
              {about}
            </Text>
          ) : null}
        </Stack>
        {action}
      </Group>
      {children}
    </Stack>
  );
}
