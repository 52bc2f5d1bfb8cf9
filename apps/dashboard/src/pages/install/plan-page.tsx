import { Alert, Badge, Button, Group, Stack, Table, Text } from '@mantine/core';
import { IconAlertTriangle, IconInfoCircle } from '@tabler/icons-react';
import { useMutation, useQuery } from '@tanstack/react-query';
import { lazy, Suspense } from 'react';
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
import { Loading } from '../../components/loading.js';
import { Page as Frame } from '../../components/page.js';
import { ProblemCard } from '../../components/problem-card.js';
import { Scroll } from '../../components/scroll.js';
import { Section } from '../../components/section.js';
import { requestOf, usePlan } from './plan-request.js';

const LayerGraph = lazy(async () => ({ default: (await import('../../components/layer-graph.js')).LayerGraph }));

const EFFECT: Record<Dto<'TouchedDto'>['effect'], string> = {
  created: 'green',
  changed: 'blue',
  restarted: 'orange',
  removed: 'red',
};
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
  const { t } = useTranslation('install');
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
              title={<ForeignText>{finding.subject}</ForeignText>}
            >
              <ForeignText>{finding.message}</ForeignText>
              {finding.remedy ? (
                <Text size="sm" mt={4}>
                  <b>{t('remedy')}:</b> <ForeignText>{finding.remedy}</ForeignText>
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
          <ForeignText>{problem.message}</ForeignText>
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
        ) : null}
      </Stack>
    </Alert>
  );
}

function Touched({ of }: { of: readonly Dto<'TouchedDto'>[] }) {
  const { t } = useTranslation('install');
  if (of.length === 0) return null;
  return (
    <Section title={t('touched')}>
      <Scroll surface label={t('touched')}>
        <Table>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t('effect')}</Table.Th>
              <Table.Th>{t('kind')}</Table.Th>
              <Table.Th>{t('what')}</Table.Th>
              <Table.Th>{t('detail')}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {of.map((one) => (
              <Table.Tr key={`${one.kind} ${one.name} ${one.effect} ${one.detail}`}>
                <Table.Td>
                  <Badge color={EFFECT[one.effect]} variant="light" tt="none" radius="sm">
                    {t(`effects.${one.effect}`)}
                  </Badge>
                </Table.Td>
                <Table.Td>{one.kind}</Table.Td>
                <Table.Td>
                  <ForeignText>{one.name}</ForeignText>
                </Table.Td>
                <Table.Td>{one.detail ? <ForeignText>{one.detail}</ForeignText> : null}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Scroll>
    </Section>
  );
}

function Steps({ of }: { of: Dto<'PlanDto'> }) {
  const { t } = useTranslation('install');
  return (
    <Section title={t('steps')}>
      <Suspense fallback={<Loading />}>
        <LayerGraph
          label={t('steps')}
          nodes={of.steps.map((step) => ({ id: step.id, label: step.label, about: step.subject, layer: step.layer }))}
          edges={of.steps.flatMap((step) => step.after.map((before) => ({ from: before, to: step.id })))}
        />
      </Suspense>
      <details>
        <summary>{t('asTable')}</summary>
        <Scroll label={t('steps')}>
          <Table>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t('layer')}</Table.Th>
                <Table.Th>{t('step')}</Table.Th>
                <Table.Th>{t('takes')}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {[...of.steps]
                .sort((a, b) => a.layer - b.layer)
                .map((step) => (
                  <Table.Tr key={step.id}>
                    <Table.Td>{step.layer + 1}</Table.Td>
                    <Table.Td>
                      <ForeignText>{step.label}</ForeignText>
                    </Table.Td>
                    <Table.Td>{formatDuration(step.weightMs)}</Table.Td>
                  </Table.Tr>
                ))}
            </Table.Tbody>
          </Table>
        </Scroll>
      </details>
    </Section>
  );
}
