import { Alert, Badge, Button, Group, Stack, Text } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.js';
import { newestError } from '../../api/newest-error.js';
import { toProblem } from '../../api/problem.js';
import { every, queryClient } from '../../api/query-client.js';
import type { Dto } from '../../api/types.js';
import { Answer } from '../../components/answer.js';
import { ConfirmRemoval } from '../../components/confirm-removal.js';
import { Dialog } from '../../components/dialog.js';
import { EmptyState } from '../../components/empty-state.js';
import { ForeignText } from '../../components/foreign-text.js';
import { formatTime } from '../../components/formats.js';
import { ProblemCard } from '../../components/problem-card.js';
import { Said } from '../../components/said.js';
import { Section } from '../../components/section.js';
import { ShownOnce } from '../../components/shown-once.js';
import { DELIVERY_COLOURS, Deliveries } from './deliveries.js';
import { TargetForm } from './target-form.js';

type Target = Dto<'NotificationTargetDto'>;
const KEY = ['notifications'];
const reread = () => queryClient.invalidateQueries({ queryKey: KEY });
const at = (id: string) => ({ params: { path: { id } } });

/** Where notifications go, whether they arrive, and what was sent. */
export function NotificationsSection() {
  const { t } = useTranslation('notifications');
  const targets = useQuery({
    queryKey: [...KEY, 'targets'],
    queryFn: ({ signal }) => ask(api.GET('/api/v1/notifications/targets', { signal })),
    refetchInterval: every(15_000),
  });
  const [editing, setEditing] = useState<Target | 'new'>();
  const [leaving, setLeaving] = useState<Target>();
  const [made, setMade] = useState<Dto<'SavedTargetDto'>>();
  const test = useMutation({
    mutationFn: (one: Target) => ask(api.POST('/api/v1/notifications/targets/{id}/test', at(one.id))),
  });
  const pause = useMutation({
    mutationFn: (one: Target) =>
      ask(
        one.paused
          ? api.POST('/api/v1/notifications/targets/{id}/resume', at(one.id))
          : api.POST('/api/v1/notifications/targets/{id}/pause', at(one.id)),
      ),
    onSuccess: reread,
  });
  const remove = useMutation({
    mutationFn: (id: string) => ask(api.DELETE('/api/v1/notifications/targets/{id}', at(id))),
    onSuccess: reread,
  });
  const error = newestError(test, pause, remove);
  const close = (): void => setEditing(undefined);
  return (
    <Stack gap={40}>
      <Stack>
        <Group justify="space-between" align="flex-start">
          <Text c="dimmed" flex="1 1 16rem">
            {t('about')}
          </Text>
          <Button onClick={() => setEditing('new')}>{t('add')}</Button>
        </Group>
        {made?.signingKey ? (
          <ShownOnce title={t('signingKey', { name: made.name })} text={t('signingKeyText')} value={made.signingKey} />
        ) : null}
        {error ? <ProblemCard problem={toProblem(error)} /> : null}
        {test.data && test.variables ? <TestResult name={test.variables.name} result={test.data} /> : null}
        <Answer of={targets}>
          {(rows) =>
            rows.length === 0 ? (
              <EmptyState title={t('empty.title')} text={t('empty.text')} />
            ) : (
              <Stack gap="xs">
                {rows.map((row) => (
                  <Group key={row.id} className="surface" p="md" justify="space-between">
                    <About target={row} />
                    <Group gap="xs">
                      <Button
                        size="xs"
                        variant="default"
                        loading={test.isPending && test.variables?.id === row.id}
                        onClick={() => test.mutate(row)}
                      >
                        {t('test')}
                      </Button>
                      <Button size="xs" variant="default" onClick={() => setEditing(row)}>
                        {t('change')}
                      </Button>
                      <Button size="xs" variant="default" onClick={() => pause.mutate(row)}>
                        {t(row.paused ? 'resume' : 'pause')}
                      </Button>
                      <Button size="xs" variant="default" onClick={() => setLeaving(row)}>
                        {t('remove')}
                      </Button>
                    </Group>
                  </Group>
                ))}
              </Stack>
            )
          }
        </Answer>
      </Stack>
      <Section title={t('deliveries')}>
        <Deliveries queryKey={[...KEY, 'deliveries']} />
      </Section>
      <Dialog
        opened={editing !== undefined}
        onClose={close}
        size="lg"
        title={editing && editing !== 'new' ? t('edit', { name: editing.name }) : t('add')}
      >
        {editing ? (
          <TargetForm
            {...(editing === 'new' ? {} : { before: editing })}
            onDone={(saved) => {
              setMade(saved);
              close();
              void reread();
            }}
          />
        ) : null}
      </Dialog>
      <ConfirmRemoval
        of={leaving}
        title={({ name }) => t('removeTitle', { name })}
        text={t('removeText')}
        label={t('remove')}
        onClose={() => setLeaving(undefined)}
        onConfirm={(one) => remove.mutate(one.id)}
      />
    </Stack>
  );
}

function About({ target }: { target: Target }) {
  const { t } = useTranslation('notifications');
  const { latest } = target;
  return (
    <Stack gap={4} miw={0} flex="1 1 16rem">
      <Text size="sm" fw={600}>
        <ForeignText>{target.name}</ForeignText>
      </Text>
      <Text size="sm" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
        <ForeignText limit={160}>
          {target.mail ? target.mail.recipients.join(', ') : (target.webhook?.url ?? '')}
        </ForeignText>
      </Text>
      <Group gap="xs">
        <Badge variant="light" tt="none" radius="sm">
          {t(`kind.${target.kind}`)} · {t(`severities.${target.severity}`)}
        </Badge>
        {target.paused ? (
          <Badge color="gray" variant="light" tt="none" radius="sm">
            {t('paused')}
          </Badge>
        ) : null}
        {latest ? (
          <Badge color={DELIVERY_COLOURS[latest.state]} variant="light" tt="none" radius="sm">
            {t(`state.${latest.state}`)}
          </Badge>
        ) : null}
        <Text size="xs" c="dimmed">
          {latest ? formatTime(latest.endedAt ?? latest.createdAt) : t('never')}
        </Text>
      </Group>
    </Stack>
  );
}

/** The receiver's own words, and what helps. */
function TestResult({ name, result }: { name: string; result: Dto<'TestResultDto'> }) {
  const { t } = useTranslation('notifications');
  return (
    <Alert
      color={result.ok ? 'green' : 'red'}
      title={t(result.ok ? 'tested' : 'notTested', { name })}
      role={result.ok ? 'status' : 'alert'}
    >
      <Stack gap="xs">
        <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
          <Said>{result.answer}</Said>
        </Text>
        {result.remedy ? (
          <Text size="sm">
            {t('way')}: <Said>{result.remedy}</Said>
          </Text>
        ) : null}
      </Stack>
    </Alert>
  );
}
