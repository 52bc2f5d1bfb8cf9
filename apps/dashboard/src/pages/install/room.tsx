import { Group, Progress, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.js';
import { every } from '../../api/query-client.js';
import type { Dto } from '../../api/types.js';
import { formatBytes } from '../../components/formats.js';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
/** Storages that take guests' disks. */
const FOR_DISKS = ['rootdir', 'images'];

/** Whether the site has room for it, while one chooses: a first look at the sums; the plan looks at every node and storage. */
export function Room({ site, needs }: { site: string; needs: Dto<'NeedsDto'> }) {
  const { t } = useTranslation('install');
  const seen = useQuery({
    queryKey: ['site', site],
    queryFn: ({ signal }) => ask(api.GET('/api/v1/sites/{name}', { params: { path: { name: site } }, signal })),
    refetchInterval: every(30_000),
  });
  const answering = seen.data?.substrates.filter((one) => one.reachable) ?? [];
  if (seen.error || (seen.data && answering.length === 0))
    return (
      <Text size="sm" c="orange" role="status">
        {t('capacity.away')}
      </Text>
    );
  // A stack lies on one substrate: the one with the most room counts.
  const rooms = answering.map(({ nodes, storages }) => ({
    memory: nodes.filter((node) => node.online).reduce((sum, node) => sum + node.freeMemoryMiB * MIB, 0),
    disk: storages
      .filter(({ content }) => content.some((kind) => FOR_DISKS.includes(kind)))
      .reduce((sum, storage) => sum + storage.freeGiB * GIB, 0),
  }));
  const most = rooms.sort((a, b) => b.memory - a.memory)[0];
  const needed = { memory: needs.memoryMiB * MIB, disk: needs.diskGiB * GIB };
  const fits = most === undefined || (most.memory >= needed.memory && most.disk >= needed.disk);
  return (
    <Stack gap="xs" className="surface" p="md" data-room mih={132}>
      <Text size="sm" fw={600}>
        {t('capacity.title', { site })}
      </Text>
      {(['memory', 'disk'] as const).map((kind) => {
        const words = most
          ? t('capacity.line', { needed: formatBytes(needed[kind]), free: formatBytes(most[kind]) })
          : '…';
        const share = most && most[kind] > 0 ? Math.min(100, (100 * needed[kind]) / most[kind]) : most ? 100 : 0;
        return (
          <Stack gap={4} key={kind}>
            <Group justify="space-between">
              <Text size="sm">{t(`capacity.${kind}`)}</Text>
              <Text size="sm" c="dimmed">
                {words}
              </Text>
            </Group>
            <Progress
              value={share}
              size="sm"
              color={share >= 100 ? 'red' : 'bastide'}
              aria-label={`${t(`capacity.${kind}`)}: ${words}`}
            />
          </Stack>
        );
      })}
      <Text size="xs" c={fits ? 'dimmed' : 'red'} role="status">
        {most ? t(fits ? 'capacity.fits' : 'capacity.tight') : ''}
      </Text>
    </Stack>
  );
}
