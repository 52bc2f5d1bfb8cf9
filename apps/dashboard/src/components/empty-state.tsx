import { Stack, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';

/** Nothing here yet: what it would be, and the one thing to do next. */
export function EmptyState({
  title,
  text,
  icon,
  action,
}: {
  title: string;
  text: string;
  icon?: ReactNode;
  action?: ReactNode;
}) {
  return (
    <Stack align="center" gap="sm" py={64} px="md" className="surface" ta="center">
      {icon}
      <Title order={2} size="h3">
        {title}
      </Title>
      <Text c="dimmed" maw={460}>
        {text}
      </Text>
      {action}
    </Stack>
  );
}
