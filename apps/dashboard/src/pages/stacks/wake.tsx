import { Alert, Button, Group, Stack, Text } from '@mantine/core';
import { IconMoon } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { toProblem } from '../../api/problem.js';
import { may, useSession } from '../../api/session.js';
import type { Dto } from '../../api/types.js';
import { ProblemCard } from '../../components/problem-card.js';
import { usePlan } from '../install/plan-request.js';

/** An archived stack says so, and how it comes back. */
export function Wake({ seen }: { seen: Dto<'StackDetailDto'> }) {
  const { t } = useTranslation('stacks');
  const { data: session } = useSession();
  const plan = usePlan();
  const { name, site } = seen.stack;
  const allowed = may(session?.account, 'operator', site);
  return (
    <Alert color="gray" icon={<IconMoon />}>
      <Stack gap="xs">
        <Text size="sm">{t('archive.resting')}</Text>
        {plan.error ? <ProblemCard problem={toProblem(plan.error)} /> : null}
        <Group>
          <Button
            size="compact-sm"
            disabled={!allowed}
            loading={plan.isPending}
            onClick={() => plan.mutate({ site, stack: name })}
          >
            {t('archive.wake')}
          </Button>
        </Group>
        {allowed ? null : <Text size="xs">{t('needsOperator')}</Text>}
      </Stack>
    </Alert>
  );
}
