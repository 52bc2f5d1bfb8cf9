import { useTranslation } from 'react-i18next';
import { toProblem } from '../../api/problem.js';
import { may, useSession } from '../../api/session.js';
import type { Dto } from '../../api/types.js';
import { ConfirmName } from '../../components/confirm-name.js';
import { ProblemCard } from '../../components/problem-card.js';
import { Section } from '../../components/section.js';
import { usePlan } from '../install/plan-request.js';

/** The way out: the name typed, then a plan that shows what goes, then the run. */
export function Remove({ seen }: { seen: Dto<'StackDetailDto'> }) {
  const { t } = useTranslation('stacks');
  const { data: session } = useSession();
  const plan = usePlan();
  const { name, site, state } = seen.stack;
  const reason =
    state === 'removed' ? t('remove.gone') : may(session?.account, 'operator', site) ? undefined : t('needsOperator');
  return (
    <Section title={t('remove.title')}>
      {plan.error ? <ProblemCard problem={toProblem(plan.error)} /> : null}
      <ConfirmName
        name={name}
        text={t('remove.text')}
        label={t('remove.plan')}
        busy={plan.isPending}
        disabledReason={reason}
        onConfirm={() => plan.mutate({ site, stack: name, remove: true })}
      />
    </Section>
  );
}
