import { Anchor, Button, Code, Group, Stack, Table, Text, Title } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { api, ask } from '../../api/client.js';
import { toProblem } from '../../api/problem.js';
import type { Dto } from '../../api/types.js';
import { paths } from '../../app/paths.js';
import cards from '../../components/cards.module.css';
import { ForeignText } from '../../components/foreign-text.js';
import { ListTable } from '../../components/list-table.js';
import { ProblemCard } from '../../components/problem-card.js';
import { Section } from '../../components/section.js';
import { StateBadge } from '../../components/state-badge.js';
import { Topology } from './topology.js';
import { Wake } from './wake.js';

/** Tiles to the apps, first passwords, how the parts hang together. */
export function Overview({ seen, admin }: { seen: Dto<'StackDetailDto'>; admin: boolean }) {
  const { t } = useTranslation('stacks');
  const { latestRun } = seen.stack;
  return (
    <Stack gap="xl">
      {seen.stack.state === 'archived' ? <Wake seen={seen} /> : null}
      {latestRun ? (
        <Group gap="xs">
          <Text size="sm">{t('lastRun')}</Text>
          <StateBadge state={latestRun.state} size="sm" />
          <Anchor component={Link} to={paths.run(latestRun.id)} size="sm">
            {t('showRun')}
          </Anchor>
        </Group>
      ) : null}
      <Section title={t('apps')}>
        {seen.links.length === 0 ? <Text c="dimmed">{t('noApps')}</Text> : null}
        <ul className={cards['grid']}>
          {seen.links.map((link) => (
            <li key={link.url}>
              <a href={link.url} target="_blank" rel="noreferrer" className={`surface ${cards['card']}`}>
                <Title order={3} size="h4">
                  <ForeignText>{link.title}</ForeignText>
                </Title>
                <Text size="sm" c="dimmed">
                  <ForeignText>{link.url}</ForeignText>
                </Text>
              </a>
            </li>
          ))}
        </ul>
      </Section>
      {admin ? <FirstPasswords id={seen.stack.id} /> : null}
      <Topology seen={seen} />
      <Versions seen={seen} />
    </Stack>
  );
}

function FirstPasswords({ id }: { id: string }) {
  const { t } = useTranslation('stacks');
  const reveal = useMutation({
    gcTime: 0,
    mutationFn: () => ask(api.POST('/api/v1/stacks/{id}/credentials', { params: { path: { id } } })),
  });
  return (
    <Section title={t('passwords.title')}>
      <Text size="sm" c="dimmed">
        {t('passwords.about')}
      </Text>
      {reveal.error ? <ProblemCard problem={toProblem(reveal.error)} /> : null}
      {reveal.data ? (
        <Table maw={560} data-credentials>
          <Table.Tbody>
            {reveal.data.map((entry) => (
              <Table.Tr key={`${entry.instance} ${entry.name}`}>
                <Table.Th scope="row">{entry.instance}</Table.Th>
                <Table.Td>{entry.name === 'adminPassword' ? 'admin' : entry.name}</Table.Td>
                <Table.Td>
                  <Code>{entry.value}</Code>
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      ) : (
        <Group>
          <Button variant="default" loading={reveal.isPending} onClick={() => reveal.mutate()}>
            {t('passwords.show')}
          </Button>
        </Group>
      )}
    </Section>
  );
}

function Versions({ seen }: { seen: Dto<'StackDetailDto'> }) {
  const { t } = useTranslation('stacks');
  return (
    <Section title={t('versions')}>
      <ListTable label={t('versions')} heads={[t('instance'), t('module'), t('version'), t('appVersion'), t('newest')]}>
        <Table.Tbody>
          {seen.instances.map((instance) => (
            <Table.Tr key={instance.name}>
              <Table.Td>{instance.name}</Table.Td>
              <Table.Td>{instance.module}</Table.Td>
              <Table.Td>{instance.version}</Table.Td>
              <Table.Td>{instance.appVersion}</Table.Td>
              <Table.Td>{instance.newestVersion ?? ''}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </ListTable>
    </Section>
  );
}
