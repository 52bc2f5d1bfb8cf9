import { Alert, Button, Code, CopyButton, Group, List, Stack, Text } from '@mantine/core';
import { modals } from '@mantine/modals';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.js';
import { toProblem } from '../../api/problem.js';
import { may, useSession } from '../../api/session.js';
import { ForeignText } from '../../components/foreign-text.js';
import { ProblemCard } from '../../components/problem-card.js';
import type { RunStep } from './run-view.js';
import { useAct } from './use-act.js';
import type { LiveRun } from './use-run.js';

const BROKEN = new Set<RunStep['state']>(['failed', 'quarantined']);

/** Where a run stopped: what happened, what is touched by it, what may be done now, and the command line that does the same. */
export function FailureCard({ live, onChoose }: { live: LiveRun; onChoose: (step: string) => void }) {
  const { t } = useTranslation('run');
  const { data: session } = useSession();
  const { run, decisions, touched } = live.detail;
  const path = { params: { path: { id: run.id } } };
  const retry = useAct(run.id, () => ask(api.POST('/api/v1/runs/{id}/retry', { ...path, body: {} })));
  const undo = useAct(run.id, () => ask(api.POST('/api/v1/runs/{id}/undo', path)));
  const leave = useAct(run.id, () => ask(api.POST('/api/v1/runs/{id}/leave', path)));
  if (run.state !== 'failed' && run.state !== 'cancelled') return null;
  const broken = live.steps.filter((step) => BROKEN.has(step.state));
  const done = live.steps.filter((step) => step.state === 'succeeded').length;
  const allowed = may(session?.account, 'operator', run.site);
  const error = [retry, undo, leave].find((act) => act.error)?.error;
  const confirm = (what: 'undo' | 'leave', act: () => void) =>
    modals.openConfirmModal({
      title: t(`${what}Title`),
      children: <Text size="sm">{t(`${what}Text`, { stack: run.stackName })}</Text>,
      labels: { confirm: t(what), cancel: t('shell:back') },
      confirmProps: { color: what === 'undo' ? 'red' : 'bastide' },
      onConfirm: act,
    });
  return (
    <Alert
      color={run.state === 'failed' ? 'red' : 'gray'}
      icon={<IconAlertTriangle />}
      title={t(run.state === 'failed' ? 'failedTitle' : 'cancelledTitle', { stack: run.stackName })}
    >
      <Stack gap="sm">
        {broken.map((step) => (
          <Stack key={step.id} gap={2}>
            <Text fw={600} size="sm">
              <ForeignText>{step.label}</ForeignText>
            </Text>
            <Text size="sm">
              <ForeignText>
                {told(step.problem, 'message') ?? told(step.failure, 'message') ?? t('noReason')}
              </ForeignText>
            </Text>
            {(told(step.problem, 'remedy') ?? told(step.failure, 'hint')) ? (
              <Text size="sm">
                {t('shell:problem.remedy')}:{' '}
                <ForeignText>{told(step.problem, 'remedy') ?? told(step.failure, 'hint') ?? ''}</ForeignText>
              </Text>
            ) : null}
            <Button size="compact-xs" variant="default" w="fit-content" onClick={() => onChoose(step.id)}>
              {t('itsLog')}
            </Button>
          </Stack>
        ))}
        <Text size="sm">{t('made', { done, all: live.steps.length })}</Text>
        {touched.length > 0 ? (
          <details>
            <summary>{t('touched', { count: touched.length })}</summary>
            <List size="sm" mt={4}>
              {touched.slice(0, 200).map((thing) => (
                <List.Item key={`${thing.kind} ${thing.name} ${thing.effect}`}>
                  <ForeignText>{`${thing.name} (${thing.kind}, ${thing.effect})`}</ForeignText>
                </List.Item>
              ))}
            </List>
          </details>
        ) : null}
        {error ? <ProblemCard problem={toProblem(error)} /> : null}
        <Group>
          <Button disabled={!allowed || !decisions.retry} loading={retry.isPending} onClick={() => retry.mutate()}>
            {t('retry')}
          </Button>
          <Button
            variant="default"
            disabled={!allowed || !decisions.undo}
            loading={undo.isPending}
            onClick={() => confirm('undo', () => undo.mutate())}
          >
            {t('undo')}
          </Button>
          <Button
            variant="default"
            disabled={!allowed || !decisions.leave}
            loading={leave.isPending}
            onClick={() => confirm('leave', () => leave.mutate())}
          >
            {t('leave')}
          </Button>
        </Group>
        {allowed ? (
          <Text size="xs" c="dimmed">
            {decisions.retry ? t('retryMeans') : t('retryNot')} {decisions.undo ? t('undoMeans') : t('undoNot')}
          </Text>
        ) : (
          <Text size="xs" c="dimmed">
            {t('notAllowed')}
          </Text>
        )}
        <CommandLine words={`bastide run ${decisions.retry ? 'retry' : 'show'} ${run.id}`} />
      </Stack>
    </Alert>
  );
}

/** What does the same in a terminal. */
function CommandLine({ words }: { words: string }) {
  const { t } = useTranslation('run');
  return (
    <Group gap="xs">
      <Text size="xs">{t('sameAs')}</Text>
      <Code>{words}</Code>
      <CopyButton value={words}>
        {({ copied, copy }) => (
          <Button size="compact-xs" variant="default" onClick={copy}>
            {t(copied ? 'shell:copied' : 'shell:copy')}
          </Button>
        )}
      </CopyButton>
    </Group>
  );
}

function told(facts: object | undefined, key: string): string | undefined {
  const value = (facts as Record<string, unknown> | undefined)?.[key];
  return typeof value === 'string' && value !== '' ? value : undefined;
}
