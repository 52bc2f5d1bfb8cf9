import { Alert, Badge, Button, Group, List, Stack, Text } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.js';
import { newestError } from '../../api/newest-error.js';
import { toProblem } from '../../api/problem.js';
import { queryClient } from '../../api/query-client.js';
import { sessionQuery } from '../../api/session.js';
import type { Dto } from '../../api/types.js';
import { Answer } from '../../components/answer.js';
import { CodeBlock } from '../../components/code-block.js';
import { ConfirmRemoval } from '../../components/confirm-removal.js';
import { Dialog } from '../../components/dialog.js';
import { ForeignText } from '../../components/foreign-text.js';
import { ProblemCard } from '../../components/problem-card.js';
import { Said } from '../../components/said.js';
import { usePlan } from '../install/plan-request.js';
import { ProviderForm } from './provider-form.js';

const KEY = ['identity-providers'];
const COLOURS = { ok: 'green', warning: 'yellow', error: 'red' } as const;
const reread = async (): Promise<void> => {
  await queryClient.invalidateQueries({ queryKey: KEY });
  await queryClient.invalidateQueries({ queryKey: sessionQuery.queryKey });
};

/** Identity providers: through whom people may sign in, and which of their groups may do what. */
export function ProvidersSection() {
  const { t } = useTranslation(['providers', 'settings']);
  const providers = useQuery({
    queryKey: KEY,
    queryFn: ({ signal }) => ask(api.GET('/api/v1/identity-providers', { signal })),
  });
  const [edited, setEdited] = useState<Dto<'ProviderDto'> | 'new'>();
  const [leaving, setLeaving] = useState<Dto<'ProviderDto'>>();
  const test = useMutation({
    mutationFn: async (id: string) => ({
      id,
      findings: await ask(api.POST('/api/v1/identity-providers/{id}/test', { params: { path: { id } } })),
    }),
  });
  const remove = useMutation({
    mutationFn: (id: string) => ask(api.DELETE('/api/v1/identity-providers/{id}', { params: { path: { id } } })),
    onSuccess: reread,
  });
  const error = newestError(remove, test);
  return (
    <Stack>
      <Group justify="space-between" align="flex-start">
        <Text size="sm" c="dimmed" flex="1 1 16rem" maw={560}>
          {t('about')}
        </Text>
        <Button onClick={() => setEdited('new')}>{t('add')}</Button>
      </Group>
      {error ? <ProblemCard problem={toProblem(error)} /> : null}
      <Answer of={providers}>
        {({ providers: rows, stacks, redirectUri, problem }) => (
          <Stack>
            {rows.map((row) => (
              <Stack key={row.id} className="surface" p="md" gap="sm" data-provider={row.name}>
                <Group justify="space-between">
                  <Stack gap={4} miw={0} flex="1 1 14rem">
                    <Group gap="xs">
                      <Text size="sm" fw={600}>
                        <ForeignText>{row.name}</ForeignText>
                      </Text>
                      {row.stack ? (
                        <Badge variant="light" tt="none" radius="sm">
                          {t('ofStack')}
                        </Badge>
                      ) : null}
                      {row.enabled ? null : (
                        <Badge color="gray" variant="light" tt="none" radius="sm">
                          {t('off')}
                        </Badge>
                      )}
                    </Group>
                    <Text size="xs" c="dimmed">
                      <ForeignText>{row.issuer}</ForeignText>
                    </Text>
                    <Text size="xs" c="dimmed">
                      {row.mappings.length === 0
                        ? t('noMappings')
                        : row.mappings
                            .map(
                              ({ group, role, site }) =>
                                `${group} → ${t(`settings:roles.${role}`)} · ${site ?? t('everySite')}`,
                            )
                            .join(', ')}
                    </Text>
                  </Stack>
                  <Group gap="xs">
                    <Button
                      size="xs"
                      variant="default"
                      aria-label={`${t('test')} ${row.name}`}
                      loading={test.isPending && test.variables === row.id}
                      onClick={() => test.mutate(row.id)}
                    >
                      {t('test')}
                    </Button>
                    <Button
                      size="xs"
                      variant="default"
                      aria-label={`${t('edit')} ${row.name}`}
                      onClick={() => setEdited(row)}
                    >
                      {t('edit')}
                    </Button>
                    <Button
                      size="xs"
                      variant="default"
                      aria-label={`${t('remove')} ${row.name}`}
                      onClick={() => setLeaving(row)}
                    >
                      {t('remove')}
                    </Button>
                  </Group>
                </Group>
                {test.data?.id === row.id ? <Findings of={test.data.findings} /> : null}
              </Stack>
            ))}
            {stacks.map((one) => (
              <StackIdentity
                key={`${one.site} ${one.stack}`}
                of={one}
                redirectUri={redirectUri}
                onMade={(provider) => {
                  void reread();
                  setEdited(provider);
                }}
              />
            ))}
            {redirectUri ? (
              <Stack gap={4}>
                <Text size="sm">{t('redirectUri')}</Text>
                <CodeBlock copy>{redirectUri}</CodeBlock>
                {rows.map(({ id, name, backChannelLogoutUri }) =>
                  backChannelLogoutUri ? (
                    <Stack key={id} gap={4}>
                      <Text size="sm">{t('backChannel', { name })}</Text>
                      <CodeBlock copy>{backChannelLogoutUri}</CodeBlock>
                    </Stack>
                  ) : null,
                )}
              </Stack>
            ) : problem ? (
              <Alert color="yellow">
                <Said>{problem}</Said>
              </Alert>
            ) : null}
          </Stack>
        )}
      </Answer>
      <Dialog
        opened={edited !== undefined}
        onClose={() => setEdited(undefined)}
        size="lg"
        title={edited === 'new' || !edited ? t('add') : t('editTitle', { name: edited.name })}
      >
        {edited === undefined ? null : (
          <ProviderForm
            {...(edited === 'new' ? {} : { provider: edited })}
            onDone={(id) => {
              setEdited(undefined);
              void reread();
              test.mutate(id);
            }}
          />
        )}
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

/** The identity module of a stack, one click away: first the plan that binds this control plane to it, then the provider. */
function StackIdentity({
  of,
  redirectUri,
  onMade,
}: {
  of: Dto<'StackIdentityDto'>;
  redirectUri: string | undefined;
  onMade: (provider: Dto<'ProviderDto'>) => void;
}) {
  const { t } = useTranslation('providers');
  const plan = usePlan();
  const add = useMutation({
    mutationFn: (stack: string) =>
      ask(api.POST('/api/v1/identity-providers', { body: { name: t('stackName', { site: of.site }), stack } })),
    onSuccess: onMade,
  });
  const error = newestError(plan, add);
  const bind = (): void => {
    const address = (redirectUri ?? '').replace(/\/api\/v1\/.*$/, '');
    plan.mutate({
      site: of.site,
      stack: 'dashboard-sign-in',
      blueprint: 'dashboard-sign-in',
      parameters: { address, host: new URL(address).hostname },
    });
  };
  const { bound } = of;
  return (
    <Stack className="surface" p="md" gap="sm">
      <Group justify="space-between">
        <Text size="sm" flex="1 1 14rem">
          {t(bound ? 'stackBound' : 'stackFound', { stack: of.stack, site: of.site })}
        </Text>
        {bound ? (
          <Button size="xs" loading={add.isPending} onClick={() => add.mutate(bound)}>
            {t('stackAdd')}
          </Button>
        ) : (
          <Button size="xs" variant="default" disabled={!redirectUri} loading={plan.isPending} onClick={bind}>
            {t('stackBind')}
          </Button>
        )}
      </Group>
      {error ? <ProblemCard problem={toProblem(error)} /> : null}
    </Stack>
  );
}

function Findings({ of }: { of: readonly Dto<'ProviderFindingDto'>[] }) {
  const { t } = useTranslation('providers');
  return (
    <List size="sm" spacing="xs" listStyleType="none" role="status" aria-label={t('found')}>
      {of.map(({ level, message, remedy }) => (
        <List.Item key={message}>
          <Badge color={COLOURS[level]} variant="light" tt="none" radius="sm" mr="xs">
            {t(`levels.${level}`)}
          </Badge>
          <Said limit={300}>{message}</Said>{' '}
          {remedy ? (
            <Text span size="sm" c="dimmed">
              <Said limit={500}>{remedy}</Said>
            </Text>
          ) : null}
        </List.Item>
      ))}
    </List>
  );
}
