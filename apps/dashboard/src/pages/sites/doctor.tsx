import { Badge, Button, Group, List, Stack, Text } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.js';
import { toProblem } from '../../api/problem.js';
import { CodeBlock } from '../../components/code-block.js';
import { ForeignText } from '../../components/foreign-text.js';
import { ProblemCard } from '../../components/problem-card.js';
import { Said, useSaid } from '../../components/said.js';
import { Section } from '../../components/section.js';

const COLOURS: Record<'ok' | 'warning' | 'error', string> = { ok: 'green', warning: 'orange', error: 'red' };
const ORDER = ['error', 'warning', 'ok'];

/** A remedy may be a command line: it is shown to be copied. */
function Remedy({ children }: { children: string }) {
  return <CodeBlock copy>{useSaid()(children).text}</CodeBlock>;
}

/** What is missing on a site, worst first, each with its remedy. */
export function Doctor({ site }: { site: string }) {
  const { t } = useTranslation('sites');
  const doctor = useMutation({
    mutationFn: () => ask(api.POST('/api/v1/sites/{name}/doctor', { params: { path: { name: site } } })),
  });
  const findings = [...(doctor.data ?? [])].sort((a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity));
  const bad = findings.filter((finding) => finding.severity !== 'ok').length;
  return (
    <Section title={t('doctor.title')}>
      <Text size="sm" c="dimmed">
        {t('doctor.about')}
      </Text>
      <Group>
        <Button variant="default" loading={doctor.isPending} onClick={() => doctor.mutate()}>
          {t(doctor.data ? 'doctor.again' : 'doctor.ask')}
        </Button>
      </Group>
      {doctor.error ? <ProblemCard problem={toProblem(doctor.error)} /> : null}
      {doctor.data ? (
        <>
          <Text role="status" fw={600}>
            {bad === 0 ? t('doctor.well', { count: findings.length }) : t('doctor.found', { count: bad })}
          </Text>
          <List listStyleType="none" spacing="sm" data-doctor>
            {findings.map((finding) => (
              <List.Item key={`${finding.substrate} ${finding.code} ${finding.subject}`}>
                <Group align="flex-start" gap="sm" wrap="nowrap">
                  <Badge color={COLOURS[finding.severity]} variant="light" tt="none" radius="sm" miw={80}>
                    {t(`doctor.${finding.severity}`)}
                  </Badge>
                  <Stack gap={2} miw={0}>
                    <Text size="sm">
                      <b>
                        <ForeignText>{finding.subject}</ForeignText>
                      </b>
                      {': '}
                      <Said>{finding.message}</Said>
                    </Text>
                    {finding.remedy ? <Remedy>{finding.remedy}</Remedy> : null}
                  </Stack>
                </Group>
              </List.Item>
            ))}
          </List>
        </>
      ) : null}
    </Section>
  );
}
