import { Alert, Button, Group, Stack, Text } from '@mantine/core';
import { IconAlertTriangle, IconInfoCircle } from '@tabler/icons-react';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate, useParams } from 'react-router';
import { api, ask } from '../../api/client.js';
import { type Problem, toProblem } from '../../api/problem.js';
import { may, useSession } from '../../api/session.js';
import type { Dto } from '../../api/types.js';
import { paths } from '../../app/paths.js';
import { Answer } from '../../components/answer.js';
import { cleanText } from '../../components/clean-text.js';
import { ForeignText } from '../../components/foreign-text.js';
import { formatDuration } from '../../components/formats.js';
import { Page as Frame } from '../../components/page.js';
import { ProblemCard } from '../../components/problem-card.js';
import { Said } from '../../components/said.js';
import { Section } from '../../components/section.js';
import { requestOf, usePlan } from './plan-request.js';
import { Steps } from './plan-steps.js';
import { Touched } from './touched.js';

const SEVERITY: Record<Dto<'DiagnosticDto'>['severity'], string> = { error: 'red', warning: 'orange', info: 'blue' };

/** A plan: exactly what would be done, before it is. */
export function Page() {
  const { id = '' } = useParams();
  const plan = useQuery({
    queryKey: ['plans', id],
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: ({ signal }) => ask(api.GET('/api/v1/plans/{id}', { params: { path: { id } }, signal })),
  });
  return <Answer of={plan}>{(data) => <Plan key={data.id} of={data} />}</Answer>;
}

function Plan({ of }: { of: Dto<'PlanDto'> }) {
  const { t } = useTranslation(['install', 'problems']);
  const navigate = useNavigate();
  const account = useSession().data?.account;
  const apply = useMutation({
    mutationFn: () =>
      ask(api.POST('/api/v1/plans/{id}/apply', { params: { path: { id: of.id } }, body: { hash: of.hash } })),
    onSuccess: (run) => void navigate(paths.run(run.id)),
  });
  const problem = apply.error ? toProblem(apply.error) : undefined;
  const blocked = of.findings.some((finding) => finding.severity === 'error');
  const reason = blocked ? t('hasErrors') : may(account, 'operator', of.site) ? undefined : t('notAllowed');
  const action = (
    <Button
      onClick={() => apply.mutate()}
      loading={apply.isPending}
      disabled={reason !== undefined || of.steps.length === 0}
    >
      {t('apply')}
    </Button>
  );
  return (
    <Frame
      title={
        of.domain
          ? t('planTitle.domain', { site: cleanText(of.site), domain: of.domain.to })
          : t(`planTitle.${of.operation}`, { stack: cleanText(of.stackName) })
      }
      about={t('planAbout', {
        steps: of.steps.length,
        time: formatDuration(of.estimate.wallMs),
        site: cleanText(of.site),
      })}
      action={action}
    >
      {problem ? <Refused problem={problem} plan={of} /> : null}
      {reason ? (
        <Alert color="orange" icon={<IconAlertTriangle />}>
          {reason}
        </Alert>
      ) : null}
      {of.steps.length === 0 && !blocked ? (
        <Alert color="blue" icon={<IconInfoCircle />}>
          {t('nothing')}
        </Alert>
      ) : null}
      {of.findings.length > 0 ? (
        <Section title={t('findings')}>
          {of.findings.map((finding) => (
            <Alert
              key={`${finding.code} ${finding.subject} ${finding.message}`}
              color={SEVERITY[finding.severity]}
              title={
                <>
                  {t(`problems:${finding.code.replaceAll('.', '_')}`, { defaultValue: finding.code })}:{' '}
                  <ForeignText>{finding.subject}</ForeignText>
                </>
              }
            >
              <Text size="sm" component="div">
                <Said>{finding.message}</Said>
              </Text>
              {finding.remedy ? (
                <Text size="sm" mt={4} component="div">
                  <b>{t('remedy')}:</b> <Said>{finding.remedy}</Said>
                </Text>
              ) : null}
            </Alert>
          ))}
        </Section>
      ) : null}
      <Touched of={of.blastRadius} />
      {of.steps.length > 0 ? <Steps of={of} /> : null}
    </Frame>
  );
}

function Refused({ problem, plan }: { problem: Problem; plan: Dto<'PlanDto'> }) {
  const { t } = useTranslation('install');
  const request = requestOf(plan.id);
  const again = usePlan();
  if (problem.code !== 'plan.stale') return <ProblemCard problem={problem} />;
  const changes = Array.isArray(problem.details['changes'])
    ? (problem.details['changes'] as unknown[]).map(String)
    : [];
  return (
    <Alert color="orange" icon={<IconAlertTriangle />} title={t('stale')} role="alert">
      <Stack gap="xs">
        <Text size="sm">{t('staleText')}</Text>
        {changes.length > 0 ? (
          <ul>
            {changes.map((change) => (
              <li key={change}>
                <ForeignText>{change}</ForeignText>
              </li>
            ))}
          </ul>
        ) : (
          <Said>{problem.message}</Said>
        )}
        {again.error ? <ProblemCard problem={toProblem(again.error)} /> : null}
        {plan.domain ? (
          <Text size="sm">
            <Link to={paths.site(plan.site)}>{t('againDomain')}</Link>
          </Text>
        ) : null}
        {request ? (
          <Group>
            <Button size="xs" loading={again.isPending} onClick={() => again.mutate(request)}>
              {t('again')}
            </Button>
          </Group>
        ) : (
          <Text size="sm">{t('staleElsewhere')}</Text>
        )}
      </Stack>
    </Alert>
  );
}
