import { Button, Group, Stack, Text } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { useSearchParams } from 'react-router';
import { api, ask } from '../../api/client.js';
import { newestError } from '../../api/newest-error.js';
import { toProblem } from '../../api/problem.js';
import { queryClient } from '../../api/query-client.js';
import type { Dto } from '../../api/types.js';
import { Answer } from '../../components/answer.js';
import { useConfirmed } from '../../components/confirm-self.js';
import { ForeignText } from '../../components/foreign-text.js';
import { formatTime } from '../../components/formats.js';
import { ProblemCard } from '../../components/problem-card.js';
import { ReturnProblem } from '../../components/return-problem.js';

const KEY = ['account', 'links'];

/** Identity providers through which one may sign in, too. */
export function LinksSection({
  providers,
  origin,
}: {
  providers: readonly Dto<'ProviderButtonDto'>[];
  origin?: string;
}) {
  const { t } = useTranslation('passkeys');
  const [asked] = useSearchParams();
  const { confirmed, dialog } = useConfirmed();
  const links = useQuery({
    queryKey: KEY,
    queryFn: ({ signal }) => ask(api.GET('/api/v1/account/links', { signal })),
  });
  const link = useMutation({
    mutationFn: (id: string) =>
      confirmed(() => ask(api.POST('/api/v1/account/links/{id}', { params: { path: { id } } }))),
    onSuccess: ({ url }) => location.assign(url),
  });
  const unlink = useMutation({
    mutationFn: (id: string) =>
      confirmed(() => ask(api.POST('/api/v1/account/links/{id}/remove', { params: { path: { id } } }))),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: KEY }),
  });
  const error = newestError(link, unlink);
  return (
    <Stack>
      <ReturnProblem code={asked.get('problem')} />
      {error ? <ProblemCard problem={toProblem(error)} /> : null}
      <Answer of={links}>
        {(rows) => (
          <Stack gap="xs">
            {providers.map(({ id, name }) => {
              const linked = rows.find((row) => row.provider === id);
              return (
                <Group key={id} className="surface" p="md" justify="space-between">
                  <Stack gap={2} miw={0} flex="1 1 12rem">
                    <Text size="sm" fw={600}>
                      <ForeignText>{name}</ForeignText>
                    </Text>
                    <Text size="xs" c="dimmed">
                      {!linked
                        ? t('notLinked')
                        : linked.lastUsedAt
                          ? t('used', { time: formatTime(linked.lastUsedAt) })
                          : t('linked', { time: formatTime(linked.createdAt) })}
                    </Text>
                  </Stack>
                  {origin === id ? (
                    <Text size="xs" c="dimmed">
                      {t('home')}
                    </Text>
                  ) : linked ? (
                    <Button size="xs" variant="default" onClick={() => unlink.mutate(id)}>
                      {t('unlink')}
                    </Button>
                  ) : (
                    <Button size="xs" variant="default" loading={link.isPending} onClick={() => link.mutate(id)}>
                      {t('link')}
                    </Button>
                  )}
                </Group>
              );
            })}
          </Stack>
        )}
      </Answer>
      {dialog}
    </Stack>
  );
}
