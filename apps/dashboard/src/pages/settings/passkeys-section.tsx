import { Button, Group, Stack, Text, TextInput } from '@mantine/core';
import { IconFingerprint } from '@tabler/icons-react';
import { useMutation, useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.js';
import { newestError } from '../../api/newest-error.js';
import { knowsPasskeys, makePasskey } from '../../api/passkey.js';
import { toProblem } from '../../api/problem.js';
import { queryClient } from '../../api/query-client.js';
import { sessionQuery } from '../../api/session.js';
import type { Dto } from '../../api/types.js';
import { Answer } from '../../components/answer.js';
import { ConfirmRemoval } from '../../components/confirm-removal.js';
import { useConfirmed } from '../../components/confirm-self.js';
import { Dialog } from '../../components/dialog.js';
import { ForeignText } from '../../components/foreign-text.js';
import { formatTime } from '../../components/formats.js';
import { ProblemCard } from '../../components/problem-card.js';
import { ShownOnce } from '../../components/shown-once.js';

const KEY = ['account', 'passkeys'];
const reread = async (): Promise<void> => {
  await queryClient.invalidateQueries({ queryKey: KEY });
  await queryClient.invalidateQueries({ queryKey: sessionQuery.queryKey });
};

/** One's passkeys: made on a device at hand, named, taken away. */
export function PasskeysSection() {
  const { t } = useTranslation('passkeys');
  const { confirmed, dialog } = useConfirmed();
  const passkeys = useQuery({
    queryKey: KEY,
    queryFn: ({ signal }) => ask(api.GET('/api/v1/account/passkeys', { signal })),
  });
  const [naming, setNaming] = useState<{ id?: string; name: string }>();
  const [leaving, setLeaving] = useState<Dto<'PasskeyDto'>>();
  const add = useMutation({
    mutationFn: async (name: string) => {
      const question = await confirmed(() => ask(api.GET('/api/v1/account/passkeys/new')));
      const response = await makePasskey(question);
      return await ask(api.POST('/api/v1/account/passkeys', { body: { name, response } }));
    },
    onSuccess: reread,
  });
  const rename = useMutation({
    mutationFn: ({ id, name }: { id: string; name: string }) =>
      ask(api.PATCH('/api/v1/account/passkeys/{id}', { params: { path: { id } }, body: { name } })),
    onSuccess: reread,
  });
  const remove = useMutation({
    mutationFn: (id: string) =>
      confirmed(() => ask(api.POST('/api/v1/account/passkeys/{id}/remove', { params: { path: { id } } }))),
    onSuccess: reread,
  });
  const error = newestError(add, rename, remove);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (!naming) return;
    for (const one of [add, rename, remove]) one.reset();
    if (naming.id === undefined) add.mutate(naming.name);
    else rename.mutate({ id: naming.id, name: naming.name });
    setNaming(undefined);
  };
  return (
    <Stack>
      <Text size="sm" c="dimmed">
        {t('about')}
      </Text>
      {add.data && add.data.recoveryCodes.length > 0 ? (
        <ShownOnce title={t('recovery')} text={t('recoveryText')} value={add.data.recoveryCodes.join('\n')} />
      ) : null}
      {error ? <ProblemCard problem={toProblem(error)} /> : null}
      <Answer of={passkeys}>
        {(rows) => (
          <Stack gap="xs" data-passkeys>
            {rows.map((row) => (
              <Group key={row.id} className="surface" p="md" justify="space-between">
                <Stack gap={2} miw={0} flex="1 1 12rem">
                  <Text size="sm" fw={600}>
                    <ForeignText>{row.name}</ForeignText>
                  </Text>
                  <Text size="xs" c="dimmed">
                    {t('made', { time: formatTime(row.createdAt) })}
                  </Text>
                  <Text size="xs" c="dimmed">
                    {row.lastUsedAt ? t('used', { time: formatTime(row.lastUsedAt) }) : t('neverUsed')}
                  </Text>
                  {row.rpId === location.hostname ? null : (
                    <Text size="xs" c="dimmed">
                      {t('worksAt', { address: row.rpId })}
                    </Text>
                  )}
                </Stack>
                <Group gap="xs">
                  <Button
                    size="xs"
                    variant="default"
                    aria-label={`${t('rename')} ${row.name}`}
                    onClick={() => setNaming({ id: row.id, name: row.name })}
                  >
                    {t('rename')}
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
            ))}
          </Stack>
        )}
      </Answer>
      {knowsPasskeys() ? (
        <Group>
          <Button
            variant="default"
            leftSection={<IconFingerprint size={18} stroke={1.6} aria-hidden />}
            loading={add.isPending}
            onClick={() => setNaming({ name: '' })}
          >
            {t('add')}
          </Button>
        </Group>
      ) : (
        <Text size="sm">{t('unsupported')}</Text>
      )}
      <Dialog
        opened={naming !== undefined}
        onClose={() => setNaming(undefined)}
        title={t(naming?.id === undefined ? 'add' : 'rename')}
      >
        <form onSubmit={submit}>
          <Stack>
            <TextInput
              label={t('name')}
              description={t('nameAbout')}
              required
              data-autofocus
              autoComplete="off"
              maxLength={80}
              value={naming?.name ?? ''}
              onChange={(event) => setNaming({ ...naming, name: event.currentTarget.value })}
            />
            <Group justify="flex-end">
              <Button type="submit">{t(naming?.id === undefined ? 'continue' : 'save')}</Button>
            </Group>
          </Stack>
        </form>
      </Dialog>
      <ConfirmRemoval
        of={leaving}
        title={({ name }) => t('removeTitle', { name })}
        text={t('removeText')}
        label={t('remove')}
        onClose={() => setLeaving(undefined)}
        onConfirm={({ id }) => {
          for (const one of [add, rename, remove]) one.reset();
          remove.mutate(id);
        }}
      />
      {dialog}
    </Stack>
  );
}
