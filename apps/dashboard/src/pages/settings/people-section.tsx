import { Badge, Button, Group, Stack, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useDisclosure } from '@mantine/hooks';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.js';
import { newestError } from '../../api/newest-error.js';
import { toProblem } from '../../api/problem.js';
import { queryClient } from '../../api/query-client.js';
import type { Dto } from '../../api/types.js';
import { Answer } from '../../components/answer.js';
import { ConfirmRemoval } from '../../components/confirm-removal.js';
import { Dialog } from '../../components/dialog.js';
import { ForeignText } from '../../components/foreign-text.js';
import { ProblemCard } from '../../components/problem-card.js';
import { saidOfFields } from '../../components/said.js';
import { ShownOnce } from '../../components/shown-once.js';
import { LostFactors } from './lost-factors.js';
import { RoleChoice } from './role-choice.js';

const KEY = ['accounts'];
const reread = () => queryClient.invalidateQueries({ queryKey: KEY });

/** Who may sign in and do what. */
export function PeopleSection({ own }: { own: string }) {
  const { t } = useTranslation('settings');
  const people = useQuery({ queryKey: KEY, queryFn: ({ signal }) => ask(api.GET('/api/v1/accounts', { signal })) });
  const [adding, add] = useDisclosure(false);
  const [shown, setShown] = useState<{ name: string; password: string }>();
  const change = useMutation({
    mutationFn: (given: { id: string; disabled: boolean }) =>
      ask(
        api.PATCH('/api/v1/accounts/{id}', { params: { path: { id: given.id } }, body: { disabled: given.disabled } }),
      ),
    onSuccess: reread,
  });
  const remove = useMutation({
    mutationFn: (id: string) => ask(api.DELETE('/api/v1/accounts/{id}', { params: { path: { id } } })),
    onSuccess: reread,
  });
  const reset = useMutation({
    mutationFn: async (one: Dto<'AccountDto'>) => ({
      name: one.name,
      password: (await ask(api.POST('/api/v1/accounts/{id}/password-reset', { params: { path: { id: one.id } } })))
        .temporaryPassword,
    }),
    onSuccess: setShown,
  });
  const [lost, setLost] = useState<Dto<'AccountDto'>>();
  const [leaving, setLeaving] = useState<Dto<'AccountDto'>>();
  const error = newestError(change, remove, reset);
  return (
    <Stack>
      <Group justify="flex-end">
        <Button onClick={add.open}>{t('addPerson')}</Button>
      </Group>
      {shown ? (
        <ShownOnce title={t('temporary', { name: shown.name })} text={t('temporaryText')} value={shown.password} />
      ) : null}
      {error ? <ProblemCard problem={toProblem(error)} /> : null}
      <Answer of={people}>
        {(rows) => (
          <Stack gap="xs">
            {rows.map((one) => (
              <Group key={one.id} className="surface" p="md" justify="space-between">
                <Stack gap={4} miw={0} flex="1 1 14rem">
                  <Text size="sm" fw={600}>
                    <ForeignText>{one.displayName}</ForeignText>{' '}
                    <Text span c="dimmed" fw={400} size="sm">
                      <ForeignText>{one.name}</ForeignText>
                    </Text>
                  </Text>
                  <Group gap="xs">
                    {one.roles.map((grant) => (
                      <Badge key={`${grant.role} ${grant.site}`} variant="light" tt="none" radius="sm">
                        {t(`roles.${grant.role}`)} · {grant.site ?? t('everySite')}
                      </Badge>
                    ))}
                    {one.origin ? (
                      <Badge color="gray" variant="light" tt="none" radius="sm">
                        {t('fromProvider')}
                      </Badge>
                    ) : null}
                    {one.disabled ? (
                      <Badge color="gray" variant="light" tt="none" radius="sm">
                        {t('disabled')}
                      </Badge>
                    ) : null}
                  </Group>
                </Stack>
                {one.id === own ? (
                  <Text size="xs" c="dimmed">
                    {t('you')}
                  </Text>
                ) : (
                  <Group gap="xs">
                    {one.twoFactor.totp || one.twoFactor.passkeys > 0 ? (
                      <Button size="xs" variant="default" onClick={() => setLost(one)}>
                        {t('factors')}
                      </Button>
                    ) : null}
                    {one.origin ? null : (
                      <Button size="xs" variant="default" loading={reset.isPending} onClick={() => reset.mutate(one)}>
                        {t('resetPassword')}
                      </Button>
                    )}
                    <Button
                      size="xs"
                      variant="default"
                      onClick={() => change.mutate({ id: one.id, disabled: !one.disabled })}
                    >
                      {t(one.disabled ? 'enable' : 'disable')}
                    </Button>
                    <Button size="xs" variant="default" onClick={() => setLeaving(one)}>
                      {t('remove')}
                    </Button>
                  </Group>
                )}
              </Group>
            ))}
          </Stack>
        )}
      </Answer>
      <Dialog
        opened={lost !== undefined}
        onClose={() => setLost(undefined)}
        title={t('factorsOf', { name: lost?.name ?? '' })}
      >
        {lost ? <LostFactors of={lost} /> : null}
      </Dialog>
      <Dialog opened={adding} onClose={add.close} title={t('addPerson')}>
        <AddPerson
          onDone={(name, password) => {
            add.close();
            setShown(password === undefined ? undefined : { name, password });
          }}
        />
      </Dialog>
      <ConfirmRemoval
        of={leaving}
        title={({ name }) => t('removePerson', { name })}
        text={t('removePersonText')}
        label={t('remove')}
        onClose={() => setLeaving(undefined)}
        onConfirm={(one) => remove.mutate(one.id)}
      />
    </Stack>
  );
}

function AddPerson({ onDone }: { onDone: (name: string, password: string | undefined) => void }) {
  const { t } = useTranslation('settings');
  const form = useForm({ initialValues: { name: '', displayName: '', email: '' } });
  const [grant, setGrant] = useState<Dto<'GrantDto'>>({ role: 'viewer', site: null });
  const create = useMutation({
    mutationFn: (values: typeof form.values) =>
      ask(
        api.POST('/api/v1/accounts', {
          body: {
            name: values.name,
            displayName: values.displayName,
            roles: [grant],
            ...(values.email ? { email: values.email } : {}),
          },
        }),
      ),
    onSuccess: async (made) => {
      await reread();
      onDone(made.name, made.temporaryPassword);
    },
    onError: (error) => form.setErrors(saidOfFields(toProblem(error))),
  });
  return (
    <form onSubmit={form.onSubmit((values) => create.mutate(values))}>
      <Stack>
        <TextInput label={t('loginName')} required data-autofocus autoComplete="off" {...form.getInputProps('name')} />
        <TextInput label={t('displayName')} required autoComplete="off" {...form.getInputProps('displayName')} />
        <TextInput label={t('email')} type="email" autoComplete="off" {...form.getInputProps('email')} />
        <RoleChoice value={grant} onChange={setGrant} />
        {create.error ? <ProblemCard problem={toProblem(create.error)} /> : null}
        <Group justify="flex-end">
          <Button type="submit" loading={create.isPending}>
            {t('addPerson')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
