import { Button, Group, Select, Table } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { api, ask } from '../../api/client.js';
import { toProblem } from '../../api/problem.js';
import { every } from '../../api/query-client.js';
import { paths } from '../../app/paths.js';
import cards from '../../components/cards.module.css';
import { EmptyState } from '../../components/empty-state.js';
import { ForeignText } from '../../components/foreign-text.js';
import { formatDuration, formatTime } from '../../components/formats.js';
import { Loading } from '../../components/loading.js';
import { Page as Frame } from '../../components/page.js';
import { ProblemCard } from '../../components/problem-card.js';
import { Scroll } from '../../components/scroll.js';
import { StateBadge } from '../../components/state-badge.js';
import { useSites } from '../sites/use-sites.js';

const PAGE = 50;

/** Every run there was, newest first. */
export function Page() {
  const { t } = useTranslation(['runs', 'run']);
  const [site, setSite] = useState<string | null>(null);
  const sites = useSites();
  const runs = useInfiniteQuery({
    queryKey: ['runs', site],
    initialPageParam: '',
    queryFn: ({ pageParam, signal }) =>
      ask(
        api.GET('/api/v1/runs', {
          params: { query: { limit: PAGE, ...(site ? { site } : {}), ...(pageParam ? { before: pageParam } : {}) } },
          signal,
        }),
      ),
    getNextPageParam: (last) => (last.length === PAGE ? last.at(-1)?.id : undefined),
    refetchInterval: every(10_000),
  });
  const rows = runs.data?.pages.flat() ?? [];
  return (
    <Frame title={t('title')} about={t('about')}>
      {(sites.data?.length ?? 0) > 1 ? (
        <Select
          label={t('site')}
          placeholder={t('allSites')}
          data={(sites.data ?? []).map(({ name }) => name)}
          value={site}
          onChange={setSite}
          clearable
          maw={280}
        />
      ) : null}
      {runs.isPending ? <Loading /> : null}
      {runs.error ? <ProblemCard problem={toProblem(runs.error)} onRetry={() => void runs.refetch()} /> : null}
      {runs.data && rows.length === 0 ? (
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
        <Scroll label={t('title')}>
          <Table verticalSpacing="sm" highlightOnHover>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t('what')}</Table.Th>
                <Table.Th>{t('state')}</Table.Th>
                <Table.Th>{t('site')}</Table.Th>
                <Table.Th>{t('who')}</Table.Th>
                <Table.Th>{t('when')}</Table.Th>
                <Table.Th>{t('time')}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {rows.map((run) => (
                <Table.Tr key={run.id}>
                  <Table.Td>
                    <Link to={paths.run(run.id)}>
                      <ForeignText>
                        {t('run:title', { operation: t(`run:operation.${run.operation}`), stack: run.stackName })}
                      </ForeignText>
                    </Link>
                  </Table.Td>
                  <Table.Td>
                    <StateBadge state={run.state} size="sm" />
                  </Table.Td>
                  <Table.Td>{run.site}</Table.Td>
                  <Table.Td>
                    <ForeignText>{run.actor}</ForeignText>
                  </Table.Td>
                  <Table.Td className={cards['moment'] ?? ''}>{formatTime(run.createdAt)}</Table.Td>
                  <Table.Td>{run.finishedAt ? formatDuration(run.finishedAt - run.createdAt) : ''}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Scroll>
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
