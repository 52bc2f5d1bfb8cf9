import { Button, Group, Stack, Text } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.js';
import { newestError } from '../../api/newest-error.js';
import { toProblem } from '../../api/problem.js';
import { queryClient } from '../../api/query-client.js';
import type { Dto } from '../../api/types.js';
import { Answer } from '../../components/answer.js';
import { ForeignText } from '../../components/foreign-text.js';
import { ProblemCard } from '../../components/problem-card.js';

/** What protects somebody else's account: an admin takes away what that person lost. */
export function LostFactors({ of: { id, twoFactor } }: { of: Dto<'AccountDto'> }) {
  const { t } = useTranslation('settings');
  const key = ['accounts', id, 'passkeys'];
  const path = { id };
  const passkeys = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => ask(api.GET('/api/v1/accounts/{id}/passkeys', { params: { path }, signal })),
  });
  const reread = () => queryClient.invalidateQueries({ queryKey: ['accounts'] });
  const takeKey = useMutation({
    mutationFn: (passkey: string) =>
      ask(api.DELETE('/api/v1/accounts/{id}/passkeys/{passkey}', { params: { path: { id, passkey } } })),
    onSuccess: reread,
  });
  const takeApp = useMutation({
    mutationFn: () => ask(api.DELETE('/api/v1/accounts/{id}/totp', { params: { path } })),
    onSuccess: reread,
  });
  const error = newestError(takeKey, takeApp);
  const row = (name: string, shown: React.ReactNode, take: () => void) => (
    <Group key={name} justify="space-between">
      <Text size="sm">{shown}</Text>
      <Button size="xs" variant="default" color="red" aria-label={`${t('takeAway')} ${name}`} onClick={take}>
        {t('takeAway')}
      </Button>
    </Group>
  );
  return (
    <Stack>
      <Text size="sm">{t('factorsText')}</Text>
      {error ? <ProblemCard problem={toProblem(error)} /> : null}
      {twoFactor.totp && !takeApp.isSuccess
        ? row(t('authenticator'), t('authenticator'), () => takeApp.mutate())
        : null}
      <Answer of={passkeys}>
        {(rows) => (
          <Stack gap="xs">
            {rows.map((one) => row(one.name, <ForeignText>{one.name}</ForeignText>, () => takeKey.mutate(one.id)))}
          </Stack>
        )}
      </Answer>
      {takeApp.isSuccess || takeKey.isSuccess ? (
        <Text size="sm" role="status">
          {t('taken')}
        </Text>
      ) : null}
    </Stack>
  );
}
