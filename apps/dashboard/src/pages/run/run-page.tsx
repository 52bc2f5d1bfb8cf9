import { Alert, Anchor, Button, Group, Progress, SegmentedControl, Stack, Text } from '@mantine/core';
import { modals } from '@mantine/modals';
import { IconPlugConnectedX } from '@tabler/icons-react';
import { memo, type ReactNode, startTransition, useEffect, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useParams } from 'react-router';
import { api, ask, baseUrl } from '../../api/client.js';
import { underWay } from '../../api/run-states.js';
import { may, useSession } from '../../api/session.js';
import { paths } from '../../app/paths.js';
import { Answer } from '../../components/answer.js';
import { ForeignText } from '../../components/foreign-text.js';
import { formatDuration, formatTime } from '../../components/formats.js';
import { graphFits, LayerGraph } from '../../components/layer-graph.js';
import { Page as Frame } from '../../components/page.js';
import { FrameShape, HeadShape, Placeholder, SectionShape } from '../../components/placeholder.js';
import { ProblemCard } from '../../components/problem-card.js';
import { Section } from '../../components/section.js';
import { STATE_COLOURS, StateBadge } from '../../components/state-badge.js';
import { stepLabel } from '../../components/step-label.js';
import { FailureCard } from './failure-card.js';
import { LogView } from './log-view.js';
import { percentOf, type RunStep } from './run-view.js';
import { StepTable } from './step-table.js';
import { useAct } from './use-act.js';
import { type LiveRun, useRun } from './use-run.js';

/** A run, alive: what it does, how far it is, its log, and what may be decided. */
export function Page() {
  const { id = '' } = useParams();
  return <Run key={id} id={id} />;
}

function Run({ id }: { id: string }) {
  const run = useRun(id);
  return (
    <Answer of={run as never} placeholder={<Shape />}>
      {(live: LiveRun) => <View live={live} />}
    </Answer>
  );
}

function Shape() {
  return (
    <Placeholder>
      <HeadShape />
      <FrameShape height={110} />
      <SectionShape>
        <FrameShape height={420} />
      </SectionShape>
    </Placeholder>
  );
}

function View({ live }: { live: LiveRun }) {
  const { t } = useTranslation('run');
  const { detail, steps, log } = live;
  const { run } = detail;
  const [shown, setShown] = useState<'graph' | 'table'>(() => (graphFits() ? 'graph' : 'table'));
  const [chosen, setChosen] = useState<string>();
  const operation = t(`operation.${run.operation}`);
  const { t: label } = useTranslation('steps');
  const named = useMemo(
    () => detail.steps.map((step) => ({ ...step, label: stepLabel(label, step) })),
    [detail.steps, label],
  );
  return (
    <Frame
      title={t('title', { operation, stack: run.stackName })}
      about={
        <Group gap="xs">
          <StateBadge state={run.state} />
          <Text size="sm">{t('startedBy', { actor: run.actor, at: formatTime(run.createdAt) })}</Text>
          <Anchor component={Link} to={paths.stack(run.stack)} size="sm">
            {t('toStack')}
          </Anchor>
          <Anchor href={`${baseUrl}/api/v1/runs/${encodeURIComponent(run.id)}/bundle`} download size="sm">
            {t('download')}
          </Anchor>
        </Group>
      }
      action={<CancelButton live={live} />}
    >
      <Overall live={live} />
      {live.refused ? <ProblemCard problem={live.refused} /> : null}
      {live.stream === 'lost' ? (
        <Alert color="yellow" icon={<IconPlugConnectedX />} role="status">
          {t('shell:connection.lost')}
        </Alert>
      ) : null}
      <FailureCard live={live} onChoose={setChosen} />
      <Section title={t('steps')}>
        <SegmentedControl
          w="fit-content"
          value={shown}
          onChange={(value) => setShown(value as 'graph' | 'table')}
          data={[
            { value: 'graph', label: t('graph') },
            { value: 'table', label: t('table') },
          ]}
        />
        {shown === 'graph' ? <Graph steps={steps} /> : <StepTable steps={steps} chosen={chosen} onChoose={setChosen} />}
      </Section>
      <Then>
        <LogView log={log} steps={named} chosen={chosen} onChoose={setChosen} />
      </Then>
    </Frame>
  );
}

/** Follows when what is above it stands on the screen. */
function Then({ children }: { children: ReactNode }) {
  const [now, setNow] = useState(false);
  useEffect(() => startTransition(() => setNow(true)), []);
  return now ? children : null;
}

/** Nodes change colour only when a state does: a graph of a thousand is not drawn anew for every log line. */
const Graph = memo(function Graph({ steps }: { steps: LiveRun['steps'] }) {
  const { t } = useTranslation('run');
  const states = steps.map((step) => `${step.id}=${step.state}`).join();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the states stand for the steps
  const nodes = useMemo(() => {
    const words = new Map<RunStep['state'], string>();
    for (const { state } of steps) if (!words.has(state)) words.set(state, t(`shell:state.${state}`));
    return steps.map((step) => ({
      id: step.id,
      label: step.label,
      about: words.get(step.state) ?? step.state,
      layer: step.layer,
      colour: STATE_COLOURS[step.state],
    }));
  }, [states, t]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: what waits for what does not change while a run runs
  const edges = useMemo(
    () => steps.flatMap((step) => step.after.map((from) => ({ from, to: step.id }))),
    [steps.length],
  );
  return (
    <LayerGraph
      nodes={nodes}
      edges={edges}
      label={t('graph')}
      follow={steps.filter((step) => step.state === 'running' || step.state === 'failed').map((step) => step.id)}
    />
  );
});

function Overall({ live: { detail, steps } }: { live: LiveRun }) {
  const { t } = useTranslation('run');
  const { run } = detail;
  const open = underWay(run.state);
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!open) return;
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, [open]);
  const percent = run.state === 'succeeded' ? 100 : percentOf(steps, now);
  const doing = steps.filter((step) => step.state === 'running').map((step) => step.label);
  const left = Math.max(0, detail.estimateMs * (1 - percent / 100));
  const ended = run.finishedAt ?? run.createdAt;
  const words = open
    ? t('progress', { percent, left: formatDuration(left) })
    : t('took', {
        time: formatDuration(ended - run.createdAt),
        done: steps.filter((s) => s.state === 'succeeded').length,
        all: steps.length,
      });
  return (
    <Stack gap={6} className="surface" p="md">
      <Group justify="space-between">
        <Text fw={600}>{words}</Text>
        {open ? (
          <Text size="sm" c="dimmed">
            {t('since', { time: formatDuration(now - run.createdAt) })}
          </Text>
        ) : null}
      </Group>
      <Progress value={percent} color={STATE_COLOURS[run.state]} size="lg" aria-label={t('overall')} />
      <Text size="sm" c="dimmed" lineClamp={2}>
        {doing.length > 0 ? <ForeignText>{t('now', { steps: doing.join(' · ') })}</ForeignText> : ' '}
      </Text>
      {/* Told in tens, or a reader would not come to anything else. */}
      <span className="visually-hidden" role="status">
        {open ? t('spoken', { percent: Math.floor(percent / 10) * 10 }) : words}
      </span>
    </Stack>
  );
}

function CancelButton({ live: { detail } }: { live: LiveRun }) {
  const { t } = useTranslation('run');
  const { data: session } = useSession();
  const cancel = useAct(detail.run.id, () =>
    ask(api.POST('/api/v1/runs/{id}/cancel', { params: { path: { id: detail.run.id } } })),
  );
  if (!underWay(detail.run.state)) return null;
  const allowed = may(session?.account, 'operator', detail.run.site);
  const reason = allowed ? (detail.run.state === 'running' ? undefined : t('cancelling')) : t('notAllowed');
  return (
    <Stack gap={4} align="flex-end">
      <Button
        color="red"
        variant="light"
        disabled={reason !== undefined}
        loading={cancel.isPending}
        onClick={() =>
          modals.openConfirmModal({
            title: t('cancelTitle'),
            children: <Text size="sm">{t('cancelText')}</Text>,
            labels: { confirm: t('cancelRun'), cancel: t('shell:back') },
            confirmProps: { color: 'red' },
            onConfirm: () => cancel.mutate(),
          })
        }
      >
        {t('cancelRun')}
      </Button>
      {reason ? (
        <Text size="xs" c="dimmed">
          {reason}
        </Text>
      ) : null}
    </Stack>
  );
}
