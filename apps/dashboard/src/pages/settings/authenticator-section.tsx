import { Alert, Button, Code, Group, Stack, Text, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { QRCodeSVG } from 'qrcode.react';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.js';
import { newestError } from '../../api/newest-error.js';
import { toProblem } from '../../api/problem.js';
import { queryClient } from '../../api/query-client.js';
import { sessionQuery } from '../../api/session.js';
import { useConfirmed } from '../../components/confirm-self.js';
import { ProblemCard } from '../../components/problem-card.js';
import { ShownOnce } from '../../components/shown-once.js';

/** Codes from an authenticator app: set up by picture, proven by a code, with recovery codes; or taken away. */
export function AuthenticatorSection({ on }: { on: boolean }) {
  const { t } = useTranslation('settings');
  const [typed, setTyped] = useState('');
  const { confirmed, dialog } = useConfirmed();
  const start = useMutation({ mutationFn: () => confirmed(() => ask(api.POST('/api/v1/account/totp'))) });
  const confirm = useMutation({
    mutationFn: (code: string) => ask(api.POST('/api/v1/account/totp/confirm', { body: { code } })),
    onSuccess: async () => {
      setTyped('');
      await queryClient.invalidateQueries({ queryKey: sessionQuery.queryKey });
    },
  });
  const remove = useMutation({
    mutationFn: () => confirmed(() => ask(api.POST('/api/v1/account/totp/remove'))),
    onSuccess: async () => {
      setTyped('');
      start.reset();
      confirm.reset();
      await queryClient.invalidateQueries({ queryKey: sessionQuery.queryKey });
    },
  });
  const error = newestError(start, confirm, remove);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    confirm.mutate(typed.replace(/\s/g, ''));
  };
  return (
    <Stack>
      {confirm.data && confirm.data.recoveryCodes.length > 0 ? (
        <ShownOnce title={t('recovery')} text={t('recoveryText')} value={confirm.data.recoveryCodes.join('\n')} />
      ) : null}
      {error ? <ProblemCard problem={toProblem(error)} /> : null}
      {on ? (
        <>
          <Alert color="green">{t('totpOn')}</Alert>
          <Group>
            <Button variant="default" color="red" loading={remove.isPending} onClick={() => remove.mutate()}>
              {t('totpRemove')}
            </Button>
          </Group>
        </>
      ) : start.data ? (
        <form onSubmit={submit}>
          <Stack>
            <Text size="sm">{t('totpScan')}</Text>
            <Group>
              <QRCodeSVG value={start.data.uri} size={176} marginSize={3} title={t('totpPicture')} />
            </Group>
            <Text size="sm">
              {t('totpByHand')} <Code>{start.data.secret}</Code>
            </Text>
            <TextInput
              label={t('totpCode')}
              required
              autoComplete="one-time-code"
              value={typed}
              onChange={(event) => setTyped(event.currentTarget.value)}
            />
            <Group>
              <Button type="submit" loading={confirm.isPending}>
                {t('totpConfirm')}
              </Button>
            </Group>
          </Stack>
        </form>
      ) : (
        <>
          <Text size="sm" c="dimmed">
            {t('totpOff')}
          </Text>
          <Group>
            <Button variant="default" loading={start.isPending} onClick={() => start.mutate()}>
              {t('totpStart')}
            </Button>
          </Group>
        </>
      )}
      {dialog}
    </Stack>
  );
}
