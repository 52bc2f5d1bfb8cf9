import { Badge, Button, Group, Stack, Text } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.js';
import { toProblem } from '../../api/problem.js';
import { queryClient } from '../../api/query-client.js';
import { Answer } from '../../components/answer.js';
import { ForeignText } from '../../components/foreign-text.js';
import { formatTime } from '../../components/formats.js';
import { ProblemCard } from '../../components/problem-card.js';

const KEY = ['account', 'sessions'];

/** Where one is signed in, and out with those one does not know. */
export function SessionsSection() {
  const { t } = useTranslation('settings');
  const sessions = useQuery({
    queryKey: KEY,
    queryFn: ({ signal }) => ask(api.GET('/api/v1/account/sessions', { signal })),
  });
  const end = useMutation({
    mutationFn: (id: string) => ask(api.DELETE('/api/v1/account/sessions/{id}', { params: { path: { id } } })),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: KEY }),
  });
  return (
    <Stack>
      {end.error ? <ProblemCard problem={toProblem(end.error)} /> : null}
      <Answer of={sessions}>
        {(rows) => (
          <Stack gap="xs">
            {rows.map((row) => (
              <Group key={row.id} className="surface" p="md" justify="space-between">
                <Stack gap={2} miw={0} flex="1 1 14rem">
                  <Text size="sm">
                    <ForeignText limit={200}>{row.userAgent}</ForeignText>
                  </Text>
                  <Text size="xs" c="dimmed">
                    {row.address} · {t('lastSeen', { time: formatTime(row.lastSeenAt) })}
                  </Text>
                </Stack>
                {row.current ? (
                  <Badge variant="light" tt="none">
                    {t('thisOne')}
                  </Badge>
                ) : (
                  <Button size="xs" variant="default" onClick={() => end.mutate(row.id)}>
                    {t('end')}
                  </Button>
                )}
              </Group>
            ))}
          </Stack>
        )}
      </Answer>
    </Stack>
  );
}
