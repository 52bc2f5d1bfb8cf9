import { Stack, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { toProblem } from '../../api/problem.js';
import { may, useSession } from '../../api/session.js';
import type { Dto } from '../../api/types.js';
import { ConfirmName } from '../../components/confirm-name.js';
import { ProblemCard } from '../../components/problem-card.js';
import { Section } from '../../components/section.js';
import { usePlan } from '../install/plan-request.js';
import { Wake } from './wake.js';

/** The ways out: put to rest with everything kept, or gone for good. Each a plan first, then a run. */
export function Remove({ seen }: { seen: Dto<'StackDetailDto'> }) {
  const { t } = useTranslation('stacks');
  const { data: session } = useSession();
  const archive = usePlan();
  const removal = usePlan();
  const { name, site, state } = seen.stack;
  const reason =
    state === 'removed' ? t('remove.gone') : may(session?.account, 'operator', site) ? undefined : t('needsOperator');
  return (
    <Stack gap={48}>
      {state === 'removed' ? null : (
        <Section title={t('archive.title')}>
          {archive.error ? <ProblemCard problem={toProblem(archive.error)} /> : null}
          {state === 'archived' ? (
            <Wake seen={seen} />
          ) : (
            <>
              <ConfirmName
                name={name}
                text={t('archive.text')}
                label={t('archive.plan')}
                colour="bastide"
                busy={archive.isPending}
                disabledReason={reason}
                onConfirm={() => archive.mutate({ site, stack: name, archive: true })}
              />
              <Text size="sm" c="dimmed">
                {t('archive.notBackup')}
              </Text>
            </>
          )}
        </Section>
      )}
      <Section title={t('remove.title')}>
        {removal.error ? <ProblemCard problem={toProblem(removal.error)} /> : null}
        <ConfirmName
          name={name}
          text={t('remove.text')}
          label={t('remove.plan')}
          busy={removal.isPending}
          disabledReason={reason}
          onConfirm={() => removal.mutate({ site, stack: name, remove: true })}
        />
      </Section>
    </Stack>
  );
}
