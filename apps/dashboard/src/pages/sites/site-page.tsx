import { Alert, Badge, Button, Group, Progress, Stack, Table, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useParams } from 'react-router';
import { api, ask } from '../../api/client.js';
import { toProblem } from '../../api/problem.js';
import { every } from '../../api/query-client.js';
import { may, useSession } from '../../api/session.js';
import type { Dto } from '../../api/types.js';
import { Answer } from '../../components/answer.js';
import { CodeBlock } from '../../components/code-block.js';
import { ForeignText } from '../../components/foreign-text.js';
import { formatBytes, formatNumber } from '../../components/formats.js';
import { Page as Frame } from '../../components/page.js';
import { ProblemCard } from '../../components/problem-card.js';
import { Scroll } from '../../components/scroll.js';
import { Section } from '../../components/section.js';
import { Doctor } from './doctor.js';
import { DomainSection } from './domain-section.js';

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
    <Answer of={site}>
      {(seen) => (
        <Frame title={seen.name} about={t('line', { domain: seen.domain, count: seen.stacks })}>
          {seen.substrates.map((substrate) => (
            <Substrate key={substrate.name} site={seen.name} substrate={substrate} />
          ))}
          <Section title={t('zones')}>
            <Scroll label={t('zones')}>
              <Table>
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>{t('zone')}</Table.Th>
                    <Table.Th>{t('network')}</Table.Th>
                    <Table.Th>{t('bridge')}</Table.Th>
                  </Table.Tr>
                </Table.Thead>
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
              </Table>
            </Scroll>
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
          <ForeignText>{substrate.error}</ForeignText>
        </Alert>
      ) : null}
      {substrate.nodes.length > 0 ? (
        <Scroll label={substrate.name}>
          <Table>
            <Table.Caption className="visually-hidden">{t('nodes')}</Table.Caption>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t('node')}</Table.Th>
                <Table.Th>{t('processors')}</Table.Th>
                <Table.Th>{t('memory')}</Table.Th>
              </Table.Tr>
            </Table.Thead>
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
          </Table>
        </Scroll>
      ) : null}
      {substrate.storages.length > 0 ? (
        <Scroll label={substrate.name}>
          <Table>
            <Table.Caption className="visually-hidden">{t('storages')}</Table.Caption>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{t('storage')}</Table.Th>
                <Table.Th>{t('node')}</Table.Th>
                <Table.Th>{t('room')}</Table.Th>
                <Table.Th>{t('content')}</Table.Th>
              </Table.Tr>
            </Table.Thead>
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
          </Table>
        </Scroll>
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

/** Another certificate than the confirmed one: nothing is sent until the admin has compared it on the node itself. */
function Repin({ site, substrate }: { site: string; substrate: Dto<'SubstrateDto'> }) {
  const { t } = useTranslation('sites');
  const { data: session } = useSession();
  const client = useQueryClient();
  const [typed, setTyped] = useState('');
  const repin = useMutation({
    mutationFn: () =>
      ask(
        api.POST('/api/v1/sites/{name}/repin', {
          params: { path: { name: site } },
          body: { substrate: substrate.name, fingerprint: substrate.presented ?? '' },
        }),
      ),
    onSuccess: () => client.invalidateQueries({ queryKey: ['site', site] }),
  });
  const allowed = may(session?.account, 'admin', site);
  const tail = (substrate.presented ?? '').slice(-11);
  return (
    <Alert color="red" title={t('repin.title')}>
      <Stack gap="xs">
        <Text size="sm">{t('repin.text')}</Text>
        <Text size="sm">{t('repin.known')}</Text>
        <CodeBlock>{substrate.fingerprint}</CodeBlock>
        <Text size="sm">{t('repin.shown')}</Text>
        <CodeBlock>{substrate.presented ?? ''}</CodeBlock>
        <Text size="sm">{t('repin.compare')}</Text>
        <CodeBlock copy>{'openssl x509 -in /etc/pve/local/pve-ssl.pem -noout -fingerprint -sha256'}</CodeBlock>
        <TextInput
          label={t('repin.type', { example: 'AB:CD:EF:01' })}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
          maw={320}
        />
        {repin.error ? <ProblemCard problem={toProblem(repin.error)} /> : null}
        <Group>
          <Button
            color="red"
            disabled={!allowed || typed.trim().toUpperCase() !== tail}
            loading={repin.isPending}
            onClick={() => repin.mutate()}
          >
            {t('repin.trust')}
          </Button>
        </Group>
        {allowed ? null : <Text size="xs">{t('needsAdmin')}</Text>}
      </Stack>
    </Alert>
  );
}
