import { Anchor, Badge, Button, Group, Select, Stack, Table, Text, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useInfiniteQuery, useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask, baseUrl } from '../../api/client.js';
import { toProblem } from '../../api/problem.js';
import { ActName } from '../../components/act-name.js';
import cards from '../../components/cards.module.css';
import { EmptyState } from '../../components/empty-state.js';
import { ForeignText } from '../../components/foreign-text.js';
import { formatTime } from '../../components/formats.js';
import { ListTable } from '../../components/list-table.js';
import { Page as Frame } from '../../components/page.js';
import { Placeholder, RowsShape } from '../../components/placeholder.js';
import { ProblemCard } from '../../components/problem-card.js';
import { endOf, startOf } from './whole-day.js';

const PAGE = 100;

/** Every act, who, when, from where; whether the chain is whole; to take away. */
export function Page() {
  const { t } = useTranslation('audit');
  const { i18n } = useTranslation('acts');
  const [typed, setTyped] = useState({ actor: '', action: '', site: '', since: '', until: '' });
  const [filter] = useDebouncedValue(typed, 300);
  const { since, until, ...words } = filter;
  const query = {
    ...Object.fromEntries(Object.entries(words).filter(([, value]) => value.trim() !== '')),
    ...(since ? { since: startOf(since) } : {}),
    // The whole day that was chosen.
    ...(until ? { until: endOf(until) } : {}),
  };
  const acts = Object.entries(
    (i18n.getResourceBundle(i18n.resolvedLanguage ?? 'en', 'acts') ?? {}) as Record<string, string>,
  )
    .map(([key, label]) => ({ value: key.replace('_', '.'), label }))
    .sort((a, b) => a.label.localeCompare(b.label));
  const put = (field: keyof typeof typed, value: string): void => setTyped((before) => ({ ...before, [field]: value }));
  const audit = useInfiniteQuery({
    queryKey: ['audit', query],
    initialPageParam: 0,
    queryFn: ({ pageParam, signal }) =>
      ask(
        api.GET('/api/v1/audit', {
          params: { query: { limit: PAGE, ...query, ...(pageParam ? { before: pageParam } : {}) } },
          signal,
        }),
      ),
    getNextPageParam: (last) => last.next,
  });
  const verify = useMutation({ mutationFn: () => ask(api.POST('/api/v1/audit/verify')) });
  const rows = audit.data?.pages.flatMap((page) => page.rows) ?? [];
  const exported = (format: string) =>
    `${baseUrl}/api/v1/audit/export?${new URLSearchParams({ ...Object.fromEntries(Object.entries(query).map(([key, value]) => [key, String(value)])), format })}`;
  return (
    <Frame
      title={t('title')}
      about={t('about')}
      action={
        <Button variant="default" loading={verify.isPending} onClick={() => verify.mutate()}>
          {t('verify')}
        </Button>
      }
    >
      {verify.error ? <ProblemCard problem={toProblem(verify.error)} /> : null}
      {verify.data ? (
        <Text role="status" fw={600} c={verify.data.intact ? 'green' : 'red'}>
          {verify.data.intact
            ? t('intact', { count: verify.data.rows })
            : t('broken', { seq: verify.data.firstBroken?.seq ?? 0 })}
        </Text>
      ) : null}
      <Group gap="sm" align="flex-end">
        <TextInput
          label={t('field.actor')}
          value={typed.actor}
          onChange={(event) => put('actor', event.currentTarget.value)}
          flex="1 1 8rem"
        />
        <Select
          label={t('field.action')}
          placeholder={t('anyAct')}
          data={acts}
          value={typed.action || null}
          onChange={(value) => put('action', value ?? '')}
          searchable
          clearable
          flex="1 1 12rem"
        />
        <TextInput
          label={t('field.site')}
          value={typed.site}
          onChange={(event) => put('site', event.currentTarget.value)}
          flex="1 1 8rem"
        />
        {(['since', 'until'] as const).map((field) => (
          <TextInput
            key={field}
            type="date"
            label={t(field)}
            value={typed[field]}
            onChange={(event) => put(field, event.currentTarget.value)}
          />
        ))}
        <Anchor href={exported('csv')} download size="sm">
          {t('csv')}
        </Anchor>
        <Anchor href={exported('jsonl')} download size="sm">
          {t('json')}
        </Anchor>
      </Group>
      {audit.isPending ? (
        <Placeholder>
          <RowsShape count={8} />
        </Placeholder>
      ) : null}
      {audit.error ? <ProblemCard problem={toProblem(audit.error)} onRetry={() => void audit.refetch()} /> : null}
      {audit.data && rows.length === 0 ? <EmptyState title={t('empty.title')} text={t('empty.text')} /> : null}
      {rows.length > 0 ? (
        <ListTable
          label={t('title')}
          heads={[t('when'), t('field.actor'), t('field.action'), t('subject')]}
          verticalSpacing={6}
        >
          <Table.Tbody>
            {rows.map((row) => (
              <Table.Tr key={row.seq}>
                <Table.Td className={cards['line'] ?? ''}>{formatTime(row.at)}</Table.Td>
                <Table.Td>
                  <Stack gap={0}>
                    <ForeignText>{row.actor}</ForeignText>
                    <Text size="xs" c="dimmed" className={cards['line'] ?? ''}>
                      {[t(`kind.${row.actorKind}`), row.address].filter(Boolean).join(' · ')}
                    </Text>
                  </Stack>
                </Table.Td>
                <Table.Td>
                  <span title={row.action}>
                    <ActName of={row.action} />
                  </span>{' '}
                  {/* What was done needs no mark: the others stand out. */}
                  {row.outcome === 'done' ? null : (
                    <Badge color="red" variant="light" tt="none" radius="sm">
                      {t(row.outcome)}
                    </Badge>
                  )}
                </Table.Td>
                <Table.Td>
                  <ForeignText limit={120}>{row.site ? `${row.subject} (${row.site})` : row.subject}</ForeignText>
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </ListTable>
      ) : null}
      {audit.hasNextPage ? (
        <Group justify="center">
          <Button variant="default" loading={audit.isFetchingNextPage} onClick={() => void audit.fetchNextPage()}>
            {t('older')}
          </Button>
        </Group>
      ) : null}
    </Frame>
  );
}
