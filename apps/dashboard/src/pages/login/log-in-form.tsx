import { Alert, Button, PasswordInput, Stack, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useMutation } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.js';
import { toProblem } from '../../api/problem.js';
import { sessionOpened } from '../../api/session.js';
import { ProblemCard } from '../../components/problem-card.js';

/** Name, password and, where the account asks for it, a code. Used on the log-in page and over a page whose session ran out. */
export function LogInForm({ name, onDone }: { name?: string; onDone?: () => void }) {
  const { t } = useTranslation('login');
  const form = useForm({ initialValues: { name: name ?? '', password: '', code: '' } });
  const enter = useMutation({
    mutationFn: async (values: { name: string; password: string; code: string }) =>
      ask(
        api.POST('/api/v1/session', {
          body: {
            name: values.name,
            password: values.password,
            ...(values.code ? { code: values.code.replace(/\s/g, '') } : {}),
          },
        }),
      ),
    onSuccess: (session) => {
      sessionOpened(session);
      onDone?.();
    },
  });
  const problem = enter.error ? toProblem(enter.error) : undefined;
  const asksCode = problem?.code === 'auth.second_factor' || form.values.code !== '';
  const wait = Math.ceil(Number(problem?.details['retryAfterMs'] ?? 0) / 1000);
  return (
    <form onSubmit={form.onSubmit((values) => enter.mutate(values))}>
      <Stack>
        {problem?.code === 'auth.wrong' ? (
          <Alert color="red" role="alert">
            {t('wrong')}
          </Alert>
        ) : problem?.code === 'auth.locked' ? (
          <Alert color="orange" role="alert">
            {t('locked', { count: Math.max(wait, 1) })}
          </Alert>
        ) : problem && problem.code !== 'auth.second_factor' ? (
          <ProblemCard problem={problem} />
        ) : null}
        <TextInput
          label={t('name')}
          autoComplete="username"
          required
          autoFocus={!name}
          {...form.getInputProps('name')}
        />
        <PasswordInput
          label={t('password')}
          autoComplete="current-password"
          required
          autoFocus={Boolean(name)}
          {...form.getInputProps('password')}
        />
        {asksCode ? (
          <TextInput
            label={t('code')}
            description={t('codeAbout')}
            autoComplete="one-time-code"
            autoFocus
            required
            {...form.getInputProps('code')}
          />
        ) : null}
        <Button type="submit" loading={enter.isPending} fullWidth>
          {t('enter')}
        </Button>
      </Stack>
    </form>
  );
}
