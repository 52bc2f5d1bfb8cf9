import { Badge, Button, Group, Select, Stack, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useDisclosure } from '@mantine/hooks';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.js';
import { toProblem } from '../../api/problem.js';
import { queryClient } from '../../api/query-client.js';
import type { Dto } from '../../api/types.js';
import { Answer } from '../../components/answer.js';
import { ConfirmRemoval } from '../../components/confirm-removal.js';
import { Dialog } from '../../components/dialog.js';
import { EmptyState } from '../../components/empty-state.js';
import { ForeignText } from '../../components/foreign-text.js';
import { formatTime } from '../../components/formats.js';
import { ProblemCard } from '../../components/problem-card.js';
import { saidOfFields } from '../../components/said.js';
import { ShownOnce } from '../../components/shown-once.js';
import { RoleChoice } from './role-choice.js';

const KEY = ['tokens'];
const DAYS = ['7', '30', '90', '365'];

/** Keys for programs: with a role, a site and an end; shown once. */
export function TokensSection() {
  const { t } = useTranslation('settings');
  const tokens = useQuery({ queryKey: KEY, queryFn: ({ signal }) => ask(api.GET('/api/v1/tokens', { signal })) });
  const [adding, add] = useDisclosure(false);
  const [made, setMade] = useState<Dto<'NewTokenDto'>>();
  const [leaving, setLeaving] = useState<Dto<'TokenDto'>>();
  const remove = useMutation({
    mutationFn: (id: string) => ask(api.DELETE('/api/v1/tokens/{id}', { params: { path: { id } } })),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: KEY }),
  });
  return (
    <Stack>
      <Group justify="flex-end">
        <Button onClick={add.open}>{t('addToken')}</Button>
      </Group>
      {made ? (
        <ShownOnce title={t('tokenMade', { name: made.name })} text={t('tokenMadeText')} value={made.token} />
      ) : null}
      {remove.error ? <ProblemCard problem={toProblem(remove.error)} /> : null}
      <Answer of={tokens}>
        {(rows) =>
          rows.length === 0 ? (
            <EmptyState title={t('noTokens')} text={t('noTokensText')} />
          ) : (
            <Stack gap="xs">
              {rows.map((row) => (
                <Group key={row.id} className="surface" p="md" justify="space-between">
                  <Stack gap={4} miw={0} flex="1 1 14rem">
                    <Text size="sm" fw={600}>
                      <ForeignText>{row.name}</ForeignText>
                    </Text>
                    <Group gap="xs">
                      <Badge variant="light" tt="none" radius="sm">
                        {t(`roles.${row.role}`)} · {row.site ?? t('everySite')}
                      </Badge>
                      <Text size="xs" c="dimmed">
                        {t('until', { time: formatTime(row.expiresAt) })} ·{' '}
                        {row.lastUsedAt ? t('lastUsed', { time: formatTime(row.lastUsedAt) }) : t('neverUsed')}
                      </Text>
                    </Group>
                  </Stack>
                  <Button size="xs" variant="default" onClick={() => setLeaving(row)}>
                    {t('revoke')}
                  </Button>
                </Group>
              ))}
            </Stack>
          )
        }
      </Answer>
      <Dialog opened={adding} onClose={add.close} title={t('addToken')}>
        <AddToken
          onDone={(token) => {
            add.close();
            setMade(token);
          }}
        />
      </Dialog>
      <ConfirmRemoval
        of={leaving}
        title={({ name }) => t('revokeTitle', { name })}
        text={t('revokeText')}
        label={t('revoke')}
        onClose={() => setLeaving(undefined)}
        onConfirm={({ id }) => remove.mutate(id)}
      />
    </Stack>
  );
}

function AddToken({ onDone }: { onDone: (token: Dto<'NewTokenDto'>) => void }) {
  const { t } = useTranslation('settings');
  const form = useForm({ initialValues: { name: '', days: '90' } });
  const [grant, setGrant] = useState<Dto<'GrantDto'>>({ role: 'viewer', site: null });
  const create = useMutation({
    mutationFn: (values: typeof form.values) =>
      ask(
        api.POST('/api/v1/tokens', {
          body: {
            name: values.name,
            role: grant.role,
            ...(grant.site === null ? {} : { site: grant.site }),
            expiresAt: Date.now() + Number(values.days) * 86_400_000,
          },
        }),
      ),
    onSuccess: async (made) => {
      await queryClient.invalidateQueries({ queryKey: KEY });
      onDone(made);
    },
    onError: (error) => form.setErrors(saidOfFields(toProblem(error))),
  });
  return (
    <form onSubmit={form.onSubmit((values) => create.mutate(values))}>
      <Stack>
        <TextInput label={t('tokenName')} required data-autofocus autoComplete="off" {...form.getInputProps('name')} />
        <RoleChoice value={grant} onChange={setGrant} />
        <Select
          label={t('valid')}
          data={DAYS.map((value) => ({ value, label: t('days', { count: Number(value) }) }))}
          allowDeselect={false}
          {...form.getInputProps('days')}
        />
        {create.error ? <ProblemCard problem={toProblem(create.error)} /> : null}
        <Group justify="flex-end">
          <Button type="submit" loading={create.isPending}>
            {t('addToken')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
