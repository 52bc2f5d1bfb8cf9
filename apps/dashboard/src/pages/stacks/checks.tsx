import { Badge, Button, Group, Stack, Table, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { toProblem } from '../../api/problem.js';
import { may, useSession } from '../../api/session.js';
import type { Dto } from '../../api/types.js';
import { Answer } from '../../components/answer.js';
import { CodeBlock } from '../../components/code-block.js';
import { ForeignText } from '../../components/foreign-text.js';
import { formatTime } from '../../components/formats.js';
import { ProblemCard } from '../../components/problem-card.js';
import { useSaid } from '../../components/said.js';
import { Scroll } from '../../components/scroll.js';
import { Section } from '../../components/section.js';
import { useCheckNow, useChecks } from './use-stack.js';

/** Does it work for a user? What the modules' own checks said, newest first. */
export function Checks({ seen }: { seen: Dto<'StackDetailDto'> }) {
  const { t } = useTranslation('stacks');
  const said = useSaid();
  const { data: session } = useSession();
  const { id, site } = seen.stack;
  const checks = useChecks(id);
  const now = useCheckNow(id);
  const allowed = may(session?.account, 'operator', site);
  return (
    <Section title={t('checks.title')}>
      <Text size="sm" c="dimmed">
        {t('checks.about')}
      </Text>
      <Group>
        <Button disabled={!allowed} loading={now.isPending} onClick={() => now.mutate()}>
          {t('checks.now')}
        </Button>
        {allowed ? null : (
          <Text size="xs" c="dimmed">
            {t('needsOperator')}
          </Text>
        )}
      </Group>
      {now.error ? <ProblemCard problem={toProblem(now.error)} /> : null}
      {now.data ? (
        <Text role="status" fw={600}>
          {now.data.every((one) => one.healthy)
            ? t('checks.allWell', { count: now.data.length })
            : t('checks.notWell', { count: now.data.filter((one) => !one.healthy).length })}
        </Text>
      ) : null}
      <Answer of={checks}>
        {(all) =>
          all.length === 0 ? (
            <Text c="dimmed">{t('checks.none')}</Text>
          ) : (
            <Scroll label={t('checks.title')}>
              <Table data-checks>
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>{t('when')}</Table.Th>
                    <Table.Th>{t('guest')}</Table.Th>
                    <Table.Th>{t('state')}</Table.Th>
                    <Table.Th>{t('checks.by')}</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {all.map((entry) => (
                    <Table.Tr key={`${entry.at} ${entry.instance} ${entry.guest}`}>
                      <Table.Td>{formatTime(entry.at)}</Table.Td>
                      <Table.Td>
                        {entry.instance}.{entry.guest}
                      </Table.Td>
                      <Table.Td>
                        <Stack gap={4}>
                          <Badge color={entry.healthy ? 'green' : 'red'} variant="light" tt="none" radius="sm">
                            {t(entry.healthy ? 'shell:state.healthy' : 'shell:state.failing')}
                          </Badge>
                          {entry.healthy ? null : (
                            <CodeBlock>
                              {[said(entry.error ?? '').text, ...entry.tail].filter(Boolean).join('\n')}
                            </CodeBlock>
                          )}
                        </Stack>
                      </Table.Td>
                      <Table.Td>
                        {entry.by === 'schedule' ? t('checks.schedule') : <ForeignText>{entry.by}</ForeignText>}
                      </Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Scroll>
          )
        }
      </Answer>
    </Section>
  );
}
