import { Anchor, Button, Group, Select, Table, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { api, ask, baseUrl } from '../../api/client.js';
import { toProblem } from '../../api/problem.js';
import { every } from '../../api/query-client.js';
import type { Dto } from '../../api/types.js';
import { paths } from '../../app/paths.js';
import cards from '../../components/cards.module.css';
import { EmptyState } from '../../components/empty-state.js';
import { ForeignText } from '../../components/foreign-text.js';
import { formatDuration, formatTime } from '../../components/formats.js';
import { ListTable } from '../../components/list-table.js';
import { Page as Frame } from '../../components/page.js';
import { Placeholder, RowsShape } from '../../components/placeholder.js';
import { ProblemCard } from '../../components/problem-card.js';
import { StateBadge } from '../../components/state-badge.js';
import { useSites } from '../sites/use-sites.js';

const PAGE = 50;
type RunState = Dto<'RunDto'>['state'];
const STATES: readonly RunState[] = [
  'running',
  'cancelling',
  'undoing',
  'succeeded',
  'failed',
  'cancelled',
  'undone',
  'left',
];

/** Every run there was, newest first. */
export function Page() {
  const { t } = useTranslation(['runs', 'run', 'shell']);
  const [site, setSite] = useState<string | null>(null);
  const [state, setState] = useState<RunState | null>(null);
  const [who, setWho] = useState('');
  const [actor] = useDebouncedValue(who.trim(), 300);
  const sites = useSites();
  const query = { ...(site ? { site } : {}), ...(state ? { state } : {}), ...(actor ? { actor } : {}) };
  const narrowed = Object.keys(query).length > 0;
  const runs = useInfiniteQuery({
    queryKey: ['runs', query],
    initialPageParam: '',
    queryFn: ({ pageParam, signal }) =>
      ask(
        api.GET('/api/v1/runs', {
          params: { query: { limit: PAGE, ...query, ...(pageParam ? { before: pageParam } : {}) } },
          signal,
        }),
      ),
    getNextPageParam: (last) => (last.length === PAGE ? last.at(-1)?.id : undefined),
    refetchInterval: every(10_000),
  });
  const rows = runs.data?.pages.flat() ?? [];
  return (
    <Frame title={t('title')} about={t('about')}>
      <Group gap="sm" align="flex-end">
        <Select
          label={t('filterState')}
          placeholder={t('allStates')}
          data={STATES.map((value) => ({ value, label: t(`shell:state.${value}`) }))}
          value={state}
          onChange={(value) => setState(value as RunState | null)}
          clearable
          flex="1 1 10rem"
          maw={240}
        />
        <TextInput
          label={t('filterWho')}
          placeholder={t('anybody')}
          value={who}
          onChange={(event) => setWho(event.currentTarget.value)}
          flex="1 1 10rem"
          maw={240}
        />
        {(sites.data?.length ?? 0) > 1 ? (
          <Select
            label={t('site')}
            placeholder={t('allSites')}
            data={(sites.data ?? []).map(({ name }) => name)}
            value={site}
            onChange={setSite}
            clearable
            flex="1 1 10rem"
            maw={240}
          />
        ) : null}
        <Anchor href={`${baseUrl}/api/v1/runs/export?${new URLSearchParams(query)}`} download size="sm">
          {t('csv')}
        </Anchor>
      </Group>
      {runs.isPending ? (
        <Placeholder>
          <RowsShape count={8} />
        </Placeholder>
      ) : null}
      {runs.error ? <ProblemCard problem={toProblem(runs.error)} onRetry={() => void runs.refetch()} /> : null}
      {runs.data && rows.length === 0 && narrowed ? (
        <EmptyState title={t('nothing.title')} text={t('nothing.text')} />
      ) : null}
      {runs.data && rows.length === 0 && !narrowed ? (
        <EmptyState
          title={t('empty.title')}
          text={t('empty.text')}
          action={
            <Button component={Link} to={paths.catalogue()}>
              {t('empty.action')}
            </Button>
          }
        />
      ) : null}
      {rows.length > 0 ? (
        <ListTable
          label={t('title')}
          heads={[t('what'), t('state'), t('site'), t('who'), t('from'), t('when'), t('time')]}
          verticalSpacing="sm"
          highlightOnHover
        >
          <Table.Tbody>
            {rows.map((run) => (
              <Table.Tr key={run.id}>
                <Table.Td>
                  <Anchor component={Link} to={paths.run(run.id)} size="sm">
                    <ForeignText>
                      {t('run:title', { operation: t(`run:operation.${run.operation}`), stack: run.stackName })}
                    </ForeignText>
                  </Anchor>
                </Table.Td>
                <Table.Td>
                  <StateBadge state={run.state} size="sm" />
                </Table.Td>
                <Table.Td>{run.site}</Table.Td>
                <Table.Td>
                  <ForeignText>{run.actor}</ForeignText>
                </Table.Td>
                <Table.Td>{run.address ?? '–'}</Table.Td>
                <Table.Td className={cards['line'] ?? ''}>{formatTime(run.createdAt)}</Table.Td>
                <Table.Td>{run.finishedAt ? formatDuration(run.finishedAt - run.createdAt) : ''}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </ListTable>
      ) : null}
      {runs.hasNextPage ? (
        <Group justify="center">
          <Button variant="default" loading={runs.isFetchingNextPage} onClick={() => void runs.fetchNextPage()}>
            {t('older')}
          </Button>
        </Group>
      ) : null}
    </Frame>
  );
}
