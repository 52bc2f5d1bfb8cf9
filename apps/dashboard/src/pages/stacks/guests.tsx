import { Alert, Badge, ColorSwatch, SegmentedControl, Stack, Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.js';
import { every } from '../../api/query-client.js';
import { may, useSession } from '../../api/session.js';
import type { Dto } from '../../api/types.js';
import { Answer } from '../../components/answer.js';
import cards from '../../components/cards.module.css';
import { formatBytes, formatNumber, formatPercent } from '../../components/formats.js';
import { ListTable } from '../../components/list-table.js';
import { Said } from '../../components/said.js';
import { Section } from '../../components/section.js';
import { colourOf, TimeChart } from '../../components/time-chart.js';
import { DriftPanel } from './drift.js';
import { GuestChange } from './guest-change.js';
import { stackKey, useGuests } from './use-stack.js';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const COLOURS: Record<Dto<'LiveGuestDto'>['status'], string> = {
  running: 'green',
  stopped: 'red',
  suspended: 'orange',
  unknown: 'gray',
  missing: 'red',
};

/** The guests as they are now, where they differ from what was installed, and how busy they were. */
export function Guests({ seen }: { seen: Dto<'StackDetailDto'> }) {
  const { t } = useTranslation('stacks');
  const live = useGuests(seen.stack.id);
  const all = seen.instances.flatMap((instance) =>
    instance.guests.map((guest) => ({ ...guest, instance: instance.name })),
  );
  const find = (instance: string, guest: string) =>
    live.data?.find((one) => one.instance === instance && one.guest === guest);
  const { data: session } = useSession();
  const allowed = seen.stack.state === 'present' && may(session?.account, 'operator', seen.stack.site);
  const error = live.data?.find((guest) => guest.error)?.error;
  if (all.length === 0) return <Text c="dimmed">{t('noGuests')}</Text>;
  return (
    <Stack gap="xl">
      {error ? (
        <Alert color="red" title={t('notAnswering')}>
          <Said>{error}</Said>
        </Alert>
      ) : null}
      <DriftPanel stack={seen.stack} guests={live.data ?? []} allowed={allowed} />
      <Section title={t('guests')}>
        <ListTable
          label={t('guests')}
          heads={[
            t('guest'),
            t('state'),
            t('address'),
            t('where'),
            t('size'),
            ...(allowed ? [t('change.action')] : []),
          ]}
          data-guests
        >
          <Table.Tbody>
            {all.map((guest) => {
              const now = find(guest.instance, guest.name);
              return (
                <Table.Tr key={`${guest.instance} ${guest.name}`}>
                  <Table.Td>
                    {guest.instance}.{guest.name}
                  </Table.Td>
                  <Table.Td>
                    {now ? (
                      <Badge color={COLOURS[now.status]} variant="light" tt="none" radius="sm">
                        {t(`status.${now.status}`)}
                      </Badge>
                    ) : (
                      '…'
                    )}
                  </Table.Td>
                  <Table.Td className={cards['line'] ?? ''}>
                    {guest.address} ({guest.zone})
                  </Table.Td>
                  <Table.Td className={cards['line'] ?? ''}>
                    {now?.node ?? guest.node} · {now?.vmid ?? guest.vmid}
                  </Table.Td>
                  <Table.Td className={cards['line'] ?? ''}>
                    {t('sizeLine', {
                      cpus: formatNumber(guest.cpus),
                      memory: formatBytes(guest.memoryMiB * MIB),
                      disk: formatBytes(guest.diskGiB * GIB),
                    })}
                  </Table.Td>
                  {allowed ? (
                    <Table.Td>
                      <GuestChange stack={seen.stack} instance={guest.instance} guest={guest} />
                    </Table.Td>
                  ) : null}
                </Table.Tr>
              );
            })}
          </Table.Tbody>
        </ListTable>
      </Section>
      <Figures id={seen.stack.id} />
    </Stack>
  );
}

const RANGES = ['hour', 'day', 'week'] as const;
const MEASURES = [
  { key: 'cpu', of: (p: Dto<'FigureDto'>) => p.cpu, format: formatPercent },
  { key: 'memory', of: (p: Dto<'FigureDto'>) => p.memoryBytes, format: formatBytes },
  { key: 'disk', of: (p: Dto<'FigureDto'>) => p.diskBytes, format: formatBytes },
] as const;

function Figures({ id }: { id: string }) {
  const { t } = useTranslation('stacks');
  const [range, setRange] = useState<(typeof RANGES)[number]>('hour');
  const figures = useQuery({
    queryKey: [...stackKey(id), 'metrics', range],
    queryFn: ({ signal }) =>
      ask(api.GET('/api/v1/stacks/{id}/metrics', { params: { path: { id }, query: { range } }, signal })),
    refetchInterval: every(60_000),
  });
  return (
    <Section title={t('figures')}>
      <SegmentedControl
        w="fit-content"
        value={range}
        onChange={(value) => setRange(value as typeof range)}
        data={RANGES.map((value) => ({ value, label: t(`range.${value}`) }))}
      />
      <Answer of={figures}>{(all) => <Charts all={all} />}</Answer>
    </Section>
  );
}

function Charts({ all }: { all: readonly Dto<'GuestFiguresDto'>[] }) {
  const { t } = useTranslation('stacks');
  const drawn = useMemo(
    () =>
      MEASURES.map((measure) => ({
        ...measure,
        series: all.map(({ instance, guest, points }) => ({
          name: `${instance}.${guest}`,
          points: points.map((point) => ({ at: point.at, value: measure.of(point) })),
        })),
      })),
    [all],
  );
  if (all.every(({ points }) => points.length === 0)) return <Text c="dimmed">{t('noFigures')}</Text>;
  return (
    <Stack>
      {drawn.map(({ key, series, format }) => (
        <Stack gap={4} key={key} className="surface" p="sm">
          <Text size="sm" fw={600}>
            {t(`measure.${key}`)}
          </Text>
          <TimeChart label={t(`measure.${key}`)} series={series} format={format} />
        </Stack>
      ))}
      <ListTable
        label={t('figures')}
        heads={[t('guest'), ...MEASURES.map(({ key }) => t(`measure.${key}`))]}
        caption={t('figures')}
      >
        <Table.Tbody>
          {all.map(({ instance, guest, points }, at) => {
            const newest = points.at(-1);
            return (
              <Table.Tr key={`${instance} ${guest}`}>
                <Table.Td>
                  <ColorSwatch
                    color={colourOf(at)}
                    size={12}
                    withShadow={false}
                    display="inline-block"
                    mr={8}
                    aria-hidden
                  />
                  {instance}.{guest}
                </Table.Td>
                {MEASURES.map(({ key, of, format }) => (
                  <Table.Td key={key}>{newest ? format(of(newest)) : '–'}</Table.Td>
                ))}
              </Table.Tr>
            );
          })}
        </Table.Tbody>
      </ListTable>
    </Stack>
  );
}
