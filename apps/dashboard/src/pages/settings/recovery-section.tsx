import { Button, Group, Stack, Text } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.js';
import { toProblem } from '../../api/problem.js';
import { queryClient } from '../../api/query-client.js';
import { sessionQuery } from '../../api/session.js';
import { useConfirmed } from '../../components/confirm-self.js';
import { ProblemCard } from '../../components/problem-card.js';
import { ShownOnce } from '../../components/shown-once.js';

/** Codes for the day when phone or key is lost: how many are left, and new ones. */
export function RecoverySection({ left }: { left: number }) {
  const { t } = useTranslation('passkeys');
  const { confirmed, dialog } = useConfirmed();
  const make = useMutation({
    mutationFn: () => confirmed(() => ask(api.POST('/api/v1/account/recovery-codes'))),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: sessionQuery.queryKey }),
  });
  return (
    <Stack>
      <Text size="sm" c={left < 3 ? 'orange' : 'dimmed'}>
        {t('recoveryLeft', { count: left })}
      </Text>
      {make.data ? (
        <ShownOnce title={t('recovery')} text={t('recoveryText')} value={make.data.recoveryCodes.join('\n')} />
      ) : null}
      {make.error ? <ProblemCard problem={toProblem(make.error)} /> : null}
      <Group>
        <Button variant="default" loading={make.isPending} onClick={() => make.mutate()}>
          {t('recoveryNew')}
        </Button>
      </Group>
      {dialog}
    </Stack>
  );
}
