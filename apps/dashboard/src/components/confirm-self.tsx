import { Button, Group, PasswordInput, Stack, Text } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../api/client.js';
import { answerPasskey } from '../api/passkey.js';
import { toProblem } from '../api/problem.js';
import { Dialog } from './dialog.js';
import { ProblemCard } from './problem-card.js';

interface Asked {
  readonly methods: readonly string[];
  readonly done: (confirmed: boolean) => void;
}

/**
 * For what the server does only soon after a proof of who one is: `confirmed` runs it and, when the server asks, lets the
 * person confirm in a dialog and runs it once more. The page shows `dialog`.
 */
export function useConfirmed(): {
  confirmed: <T>(work: () => Promise<T>) => Promise<T>;
  dialog: ReactNode;
} {
  const [asked, setAsked] = useState<Asked>();
  const confirmed = async <T,>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      const { code, details } = toProblem(error);
      const methods = Array.isArray(details['methods']) ? (details['methods'] as string[]) : [];
      if (code !== 'auth.confirm' || methods.length === 0) throw error;
      const agreed = await new Promise<boolean>((done) => setAsked({ methods, done }));
      setAsked(undefined);
      if (!agreed) throw error;
      return await work();
    }
  };
  return { confirmed, dialog: <Question asked={asked} /> };
}

function Question({ asked }: { asked: Asked | undefined }) {
  const { t } = useTranslation('passkeys');
  return (
    <Dialog opened={asked !== undefined} onClose={() => asked?.done(false)} title={t('confirm.title')}>
      {asked ? <Proof {...asked} /> : null}
    </Dialog>
  );
}

function Proof({ methods, done }: Asked) {
  const { t } = useTranslation('passkeys');
  const [password, setPassword] = useState('');
  const prove = useMutation({
    mutationFn: async (by: 'password' | 'passkey') => {
      const body =
        by === 'password'
          ? { password }
          : { response: await answerPasskey(await ask(api.GET('/api/v1/account/confirm'))) };
      await ask(api.POST('/api/v1/account/confirm', { body }));
    },
    onSuccess: () => done(true),
  });
  const problem = prove.error ? toProblem(prove.error) : undefined;
  const wrong = problem?.fields['password'];
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        prove.mutate('password');
      }}
    >
      <Stack>
        <Text size="sm">{t('confirm.text')}</Text>
        {problem && !wrong ? <ProblemCard problem={problem} /> : null}
        {methods.includes('password') ? (
          <PasswordInput
            label={t('confirm.password')}
            required
            data-autofocus
            autoComplete="current-password"
            value={password}
            error={wrong ? t('confirm.wrong') : undefined}
            onChange={(event) => setPassword(event.currentTarget.value)}
          />
        ) : null}
        <Group justify="flex-end">
          {methods.includes('passkey') ? (
            <Button variant="default" loading={prove.isPending} onClick={() => prove.mutate('passkey')}>
              {t('confirm.byPasskey')}
            </Button>
          ) : null}
          {methods.includes('password') ? (
            <Button type="submit" loading={prove.isPending}>
              {t('confirm.go')}
            </Button>
          ) : null}
        </Group>
      </Stack>
    </form>
  );
}
