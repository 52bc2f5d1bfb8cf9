import { Alert, Button, PasswordInput, Stack, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useMutation } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.js';
import { answerPasskey } from '../../api/passkey.js';
import { type Problem, toProblem } from '../../api/problem.js';
import { sessionOpened } from '../../api/session.js';
import { ProblemCard } from '../../components/problem-card.js';

interface Typed {
  name: string;
  password: string;
  code: string;
}

/** Name, password and, where the account asks for it, a second factor. Used on the log-in page and over a page whose session ran out. */
export function LogInForm({ name, onDone }: { name?: string; onDone?: () => void }) {
  const { t } = useTranslation('login');
  const form = useForm<Typed>({ initialValues: { name: name ?? '', password: '', code: '' } });
  const enter = useMutation({
    mutationFn: async ({ passkey, ...values }: Typed & { passkey?: Record<string, unknown> }) =>
      ask(
        api.POST('/api/v1/session', {
          body: {
            name: values.name,
            password: values.password,
            ...(passkey ? { passkey } : values.code ? { code: values.code.replace(/\s/g, '') } : {}),
          },
        }),
      ),
    onSuccess: (session) => {
      sessionOpened(session);
      onDone?.();
    },
  });
  const asked = enter.error ? toProblem(enter.error) : undefined;
  const methods = asked?.code === 'auth.second_factor' ? methodsOf(asked) : [];
  const question = asked?.details['passkey'] as Record<string, unknown> | undefined;
  const withKey = useMutation({
    mutationFn: async (options: Record<string, unknown>) => {
      const passkey = await answerPasskey({ origin: location.origin, options });
      await enter.mutateAsync({ ...form.values, code: '', passkey });
    },
  });
  const problem = withKey.error && !enter.error ? toProblem(withKey.error) : asked;
  const keyProblem = withKey.error && methods.length > 0 ? toProblem(withKey.error) : undefined;
  const asksCode = methods.includes('totp') || methods.includes('recovery') || form.values.code !== '';
  const wait = Math.ceil(Number(problem?.details['retryAfterMs'] ?? 0) / 1000);
  return (
    <form
      onSubmit={form.onSubmit((values) => {
        withKey.reset();
        enter.mutate(values);
      })}
    >
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
        ) : keyProblem ? (
          <ProblemCard problem={keyProblem} />
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
        {question ? (
          <Button
            variant="default"
            fullWidth
            autoFocus
            loading={withKey.isPending}
            onClick={() => withKey.mutate(question)}
          >
            {t('secondByPasskey')}
          </Button>
        ) : null}
        {asksCode ? (
          <TextInput
            label={methods.includes('totp') || methods.length === 0 ? t('code') : t('recoveryCode')}
            description={methods.includes('totp') || methods.length === 0 ? t('codeAbout') : t('recoveryAbout')}
            autoComplete="one-time-code"
            autoFocus={!question}
            required
            {...form.getInputProps('code')}
          />
        ) : null}
        <Button type="submit" loading={enter.isPending && !withKey.isPending} fullWidth>
          {t('enter')}
        </Button>
      </Stack>
    </form>
  );
}

function methodsOf(problem: Problem): readonly string[] {
  const listed = problem.details['methods'];
  return Array.isArray(listed) ? listed.filter((one): one is string => typeof one === 'string') : [];
}
