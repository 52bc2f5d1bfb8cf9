import { Anchor, Badge, Button, Group, Stack, Text } from '@mantine/core';
import { IconBuildingCastle, IconCircleCheck, IconPackages } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { api, ask } from '../../api/client.js';
import { followEvents } from '../../api/follow-events.js';
import { every, queryClient } from '../../api/query-client.js';
import { may, useSession } from '../../api/session.js';
import type { Dto } from '../../api/types.js';
import { paths } from '../../app/paths.js';
import { ActName } from '../../components/act-name.js';
import { Answer } from '../../components/answer.js';
import cards from '../../components/cards.module.css';
import { EmptyState } from '../../components/empty-state.js';
import { ForeignText } from '../../components/foreign-text.js';
import { formatAgo, formatTime } from '../../components/formats.js';
import { Page as Frame } from '../../components/page.js';
import { CardsShape, FrameShape, Placeholder, RowsShape, SectionShape } from '../../components/placeholder.js';
import { Section } from '../../components/section.js';
import { StateBadge } from '../../components/state-badge.js';

const KEY = ['overview'];

/** The first look: how everything is, what there is to do, what runs and what changed. Lives by the server's events. */
export function Page() {
  const { t } = useTranslation('home');
  const overview = useQuery({
    queryKey: KEY,
    queryFn: ({ signal }) => ask(api.GET('/api/v1/overview', { signal })),
    refetchInterval: every(60_000),
  });
  useEffect(() => {
    const end = new AbortController();
    let soon: ReturnType<typeof setTimeout> | undefined;
    const refresh = (): void => {
      soon ??= setTimeout(() => {
        soon = undefined;
        void queryClient.invalidateQueries({ queryKey: KEY });
      }, 300);
    };
    let again = false;
    followEvents('/api/v1/events', {
      signal: end.signal,
      onEvent: (data) => data && refresh(),
      // What happened while nobody listened is not told afterwards.
      onState: (state) => {
        if (state !== 'open') return;
        if (again) refresh();
        again = true;
      },
    }).catch(() => undefined);
    return () => {
      clearTimeout(soon);
      end.abort();
    };
  }, []);
  return (
    <Frame title={t('title')}>
      <Answer of={overview} placeholder={<Shape />}>
        {(data) => <Overview data={data} />}
      </Answer>
    </Frame>
  );
}

function Shape() {
  return (
    <Placeholder>
      <SectionShape>
        <CardsShape count={3} lines={3} />
      </SectionShape>
      <div className={cards['two']}>
        <SectionShape>
          <RowsShape count={5} />
        </SectionShape>
        <SectionShape>
          <FrameShape height={240} />
        </SectionShape>
      </div>
    </Placeholder>
  );
}

function Overview({ data }: { data: Dto<'OverviewDto'> }) {
  const { t } = useTranslation('home');
  const account = useSession().data?.account;
  if (data.sites === 0)
    return (
      <EmptyState
        icon={<IconBuildingCastle size={40} stroke={1.3} aria-hidden />}
        title={t('noSite.title')}
        text={t('noSite.text')}
        action={
          may(account, 'admin') ? (
            <Button component={Link} to={paths.connectSite()}>
              {t('noSite.action')}
            </Button>
          ) : undefined
        }
      />
    );
  const awake = data.stacks.filter(({ health }) => health !== 'archived');
  const well = awake.length > 0 && data.todos.length === 0 && awake.every(({ health }) => health === 'healthy');
  return (
    <>
      {data.todos.length > 0 ? <Todos todos={data.todos} stacks={data.stacks} /> : null}
      {well ? (
        <Group gap="xs" wrap="nowrap" data-all-well>
          <IconCircleCheck size={22} aria-hidden color="var(--mantine-color-green-7)" />
          <Text>
            <b>{t('allWell')}</b> {t('allWellText', { count: awake.length })}
          </Text>
        </Group>
      ) : null}
      {data.stacks.length === 0 ? (
        <EmptyState
          icon={<IconPackages size={40} stroke={1.3} aria-hidden />}
          title={t('empty.title')}
          text={t('empty.text')}
          action={
            <Button component={Link} to={paths.catalogue()}>
              {t('empty.action')}
            </Button>
          }
        />
      ) : (
        <Section title={t('stacks')}>
          <ul className={cards['grid']}>
            {data.stacks.map((summary) => (
              <li key={summary.stack.id}>
                <StackCard summary={summary} />
              </li>
            ))}
          </ul>
        </Section>
      )}
      <div className={cards['two']}>
        <Stack gap="xl">
          {data.running.length > 0 ? (
            <Section title={t('running')}>
              <Runs runs={data.running} />
            </Section>
          ) : null}
          {data.recent.length > 0 || data.running.length === 0 ? (
            <Section title={t('runs')}>
              <Runs runs={data.recent} />
              {data.recent.length > 0 ? (
                <Anchor component={Link} to={paths.runs()} size="sm">
                  {t('allRuns')}
                </Anchor>
              ) : null}
            </Section>
          ) : null}
        </Stack>
        <Section title={t('changes')}>
          <Stack gap="xs" component="ul" p={0} m={0} style={{ listStyle: 'none' }}>
            {data.changes.map((change) => (
              <li key={change.seq}>
                <Text size="sm">
                  <ActName of={change.action} /> · <ForeignText limit={160}>{change.subject}</ForeignText>
                </Text>
                <Text size="xs" c="dimmed">
                  <ForeignText>{change.actor}</ForeignText> · {formatTime(change.at)}
                </Text>
              </li>
            ))}
            {data.changes.length === 0 ? <Text c="dimmed">{t('noChanges')}</Text> : null}
          </Stack>
          {data.changes.length > 0 && may(account, 'admin') ? (
            <Anchor component={Link} to={paths.audit()} size="sm">
              {t('allChanges')}
            </Anchor>
          ) : null}
        </Section>
      </div>
    </>
  );
}

const SEVERITY: Record<Dto<'TodoDto'>['severity'], string> = { required: 'red', recommended: 'orange', info: 'blue' };

function Todos({ todos, stacks }: { todos: readonly Dto<'TodoDto'>[]; stacks: readonly Dto<'StackSummaryDto'>[] }) {
  const { t } = useTranslation('home');
  return (
    <Section title={t('todos')}>
      <Stack gap="xs">
        {todos.map((todo) => {
          const stack = stacks.find((one) => one.stack.id === todo.stack)?.stack.name ?? todo.stack;
          const place = todo.run
            ? paths.run(todo.run)
            : todo.stack
              ? paths.stack(todo.stack)
              : paths.settings('notifications');
          return (
            <Group key={todo.id} className="surface" p="sm" justify="space-between" gap="sm">
              <Group gap="sm">
                <Badge color={SEVERITY[todo.severity]} variant="light" tt="none" radius="sm">
                  {t(`severity.${todo.severity}`)}
                </Badge>
                <Text size="sm">
                  {stack ? (
                    <>
                      <b>
                        <ForeignText>{stack}</ForeignText>
                      </b>{' '}
                    </>
                  ) : null}
                  {t(`todo.${todo.kind}`, { count: todo.count ?? 1 })}
                </Text>
              </Group>
              <Anchor component={Link} size="sm" to={place}>
                {t(todo.kind === 'nobody-told' ? 'setUp' : 'look')}
              </Anchor>
            </Group>
          );
        })}
      </Stack>
    </Section>
  );
}

function StackCard({ summary }: { summary: Dto<'StackSummaryDto'> }) {
  const { t } = useTranslation('home');
  return (
    <div className={`surface ${cards['card']}`}>
      <Group justify="space-between" wrap="nowrap" align="flex-start">
        <Anchor component={Link} to={paths.stack(summary.stack.id)} fw={600} c="inherit">
          <ForeignText>{summary.stack.name}</ForeignText>
        </Anchor>
        <StateBadge state={summary.health} size="sm" />
      </Group>
      <Text size="sm" c="dimmed">
        <ForeignText>{summary.title}</ForeignText> · <ForeignText>{summary.stack.site}</ForeignText>
      </Text>
      <Group gap="md">
        {summary.links.map((link) => (
          <Anchor key={link.instance} href={link.url} target="_blank" rel="noreferrer" size="sm">
            <ForeignText>{link.title}</ForeignText>
          </Anchor>
        ))}
      </Group>
      <Text size="xs" c="dimmed" mt="auto">
        {summary.health === 'archived'
          ? t('archived')
          : summary.checkedAt
            ? t('checked', { ago: formatAgo(summary.checkedAt, Date.now()) })
            : t('neverChecked')}
        {summary.failingChecks > 0 ? ` · ${t('failingChecks', { count: summary.failingChecks })}` : ''}
      </Text>
    </div>
  );
}

function Runs({ runs }: { runs: readonly Dto<'RunDto'>[] }) {
  const { t } = useTranslation('home');
  if (runs.length === 0) return <Text c="dimmed">{t('noRuns')}</Text>;
  return (
    <Stack gap="xs">
      {[...new Map(runs.map((run) => [run.id, run])).values()].map((run) => (
        <Group key={run.id} justify="space-between" className="surface" px="md" py="xs" gap="sm">
          <Anchor component={Link} to={paths.run(run.id)} size="sm">
            {t(`operation.${run.operation}`)} <ForeignText>{run.stackName}</ForeignText>
          </Anchor>
          <Group gap="sm">
            <Text size="xs" c="dimmed">
              {formatTime(run.createdAt)}
            </Text>
            <StateBadge state={run.state} size="sm" />
          </Group>
        </Group>
      ))}
    </Stack>
  );
}
