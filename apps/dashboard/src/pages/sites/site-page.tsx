import { Alert, Badge, Group, Progress, Stack, Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { useParams } from 'react-router';
import { api, ask } from '../../api/client.js';
import { every } from '../../api/query-client.js';
import type { Dto } from '../../api/types.js';
import { Answer } from '../../components/answer.js';
import { CodeBlock } from '../../components/code-block.js';
import { formatBytes, formatNumber } from '../../components/formats.js';
import { ListTable } from '../../components/list-table.js';
import { Page as Frame } from '../../components/page.js';
import { PagePlaceholder } from '../../components/placeholder.js';
import { Said } from '../../components/said.js';
import { Section } from '../../components/section.js';
import { Doctor } from './doctor.js';
import { DomainSection } from './domain-section.js';
import { Repin } from './repin.js';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;

/** One site: whether its substrates answer, how much room there is, what the doctor says. */
export function Page() {
  const { name = '' } = useParams();
  const { t } = useTranslation('sites');
  const site = useQuery({
    queryKey: ['site', name],
    queryFn: ({ signal }) => ask(api.GET('/api/v1/sites/{name}', { params: { path: { name } }, signal })),
    refetchInterval: every(30_000),
  });
  return (
    <Answer of={site} placeholder={<PagePlaceholder />}>
      {(seen) => (
        <Frame title={seen.name} about={t('line', { domain: seen.domain, count: seen.stacks })}>
          {seen.substrates.map((substrate) => (
            <Substrate key={substrate.name} site={seen.name} substrate={substrate} />
          ))}
          <Section title={t('zones')}>
            <ListTable label={t('zones')} heads={[t('zone'), t('network'), t('bridge')]}>
              <Table.Tbody>
                {seen.zones.map((zone) => (
                  <Table.Tr key={zone.name}>
                    <Table.Td>{zone.name}</Table.Td>
                    <Table.Td>{zone.cidr}</Table.Td>
                    <Table.Td>
                      {zone.bridge}
                      {zone.vlan ? ` · VLAN ${zone.vlan}` : ''}
                    </Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </ListTable>
          </Section>
          <DomainSection key={seen.domain} site={seen} />
          <Doctor site={seen.name} />
          <Section title={t('document')}>
            <Text size="sm" c="dimmed">
              {t('documentAbout')}
            </Text>
            <CodeBlock>{seen.document}</CodeBlock>
          </Section>
        </Frame>
      )}
    </Answer>
  );
}

function Substrate({ site, substrate }: { site: string; substrate: Dto<'SubstrateDto'> }) {
  const { t } = useTranslation('sites');
  return (
    <Section title={substrate.name}>
      <Group gap="xs">
        <Badge color={substrate.reachable ? 'green' : 'red'} variant="light" tt="none" radius="sm">
          {t(substrate.reachable ? 'reachable' : 'unreachable')}
        </Badge>
        <Text size="sm">{substrate.endpoint}</Text>
      </Group>
      {substrate.presented ? <Repin site={site} substrate={substrate} /> : null}
      {substrate.error && !substrate.presented ? (
        <Alert color="red">
          <Said>{substrate.error}</Said>
        </Alert>
      ) : null}
      {substrate.nodes.length > 0 ? (
        <ListTable label={substrate.name} heads={[t('node'), t('processors'), t('memory')]} caption={t('nodes')}>
          <Table.Tbody>
            {substrate.nodes.map((node) => (
              <Table.Tr key={node.name}>
                <Table.Td>
                  {node.name} {node.online ? '' : `(${t('offline')})`}
                </Table.Td>
                <Table.Td>{formatNumber(node.cpus)}</Table.Td>
                <Table.Td>
                  <Room free={node.freeMemoryMiB * MIB} total={node.memoryMiB * MIB} />
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </ListTable>
      ) : null}
      {substrate.storages.length > 0 ? (
        <ListTable
          label={substrate.name}
          heads={[t('storage'), t('node'), t('room'), t('content')]}
          caption={t('storages')}
        >
          <Table.Tbody>
            {substrate.storages.map((storage) => (
              <Table.Tr key={`${storage.name} ${storage.node ?? ''}`}>
                <Table.Td>{storage.name}</Table.Td>
                <Table.Td>{storage.node ?? t('shared')}</Table.Td>
                <Table.Td>
                  <Room free={storage.freeGiB * GIB} total={storage.totalGiB * GIB} />
                </Table.Td>
                <Table.Td>{storage.content.join(', ')}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </ListTable>
      ) : null}
    </Section>
  );
}

function Room({ free, total }: { free: number; total: number }) {
  const { t } = useTranslation('sites');
  const words = t('free', { free: formatBytes(free), total: formatBytes(total) });
  const used = total > 0 ? 100 - (100 * free) / total : 0;
  return (
    <Stack gap={4} miw={160}>
      <Text size="sm">{words}</Text>
      <Progress value={used} size="sm" color={used > 90 ? 'red' : 'bastide'} aria-label={words} />
    </Stack>
  );
}
