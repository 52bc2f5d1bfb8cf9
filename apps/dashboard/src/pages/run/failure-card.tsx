import { Alert, Button, Code, CopyButton, Group, List, Stack, Text } from '@mantine/core';
import { modals } from '@mantine/modals';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.js';
import { newestError } from '../../api/newest-error.js';
import { toProblem } from '../../api/problem.js';
import { may, useSession } from '../../api/session.js';
import { ForeignText } from '../../components/foreign-text.js';
import { ProblemCard } from '../../components/problem-card.js';
import { Said } from '../../components/said.js';
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
  const error = newestError(retry, undo, leave);
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
          <Broken key={step.id} step={step} onChoose={onChoose} />
        ))}
        <Text size="sm">{t('made', { done, all: live.steps.length })}</Text>
        {touched.length > 0 ? <Touched of={touched} /> : null}
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

function Broken({ step, onChoose }: { step: RunStep; onChoose: (step: string) => void }) {
  const { t } = useTranslation('run');
  const reason = told(step.problem, 'message') ?? told(step.failure, 'message');
  const remedy = told(step.problem, 'remedy') ?? told(step.failure, 'hint');
  return (
    <Stack gap={2}>
      <Text fw={600} size="sm">
        <ForeignText>{step.label}</ForeignText>
      </Text>
      <Text size="sm">{reason ? <Said>{reason}</Said> : t('noReason')}</Text>
      {remedy ? (
        <Text size="sm">
          {t('shell:problem.remedy')}: <Said>{remedy}</Said>
        </Text>
      ) : null}
      <Button size="compact-xs" variant="default" w="fit-content" onClick={() => onChoose(step.id)}>
        {t('itsLog')}
      </Button>
    </Stack>
  );
}

function Touched({ of }: { of: LiveRun['detail']['touched'] }) {
  const { t } = useTranslation(['run', 'install']);
  return (
    <details>
      <summary>{t('touched', { count: of.length })}</summary>
      <List size="sm" mt={4}>
        {of.slice(0, 200).map(({ kind, name, effect }) => (
          <List.Item key={`${kind} ${name} ${effect}`}>
            {t(`install:kinds.${kind}`, { defaultValue: kind })}: <ForeignText>{name}</ForeignText> (
            {t(`install:effects.${effect}`)})
          </List.Item>
        ))}
      </List>
    </details>
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
