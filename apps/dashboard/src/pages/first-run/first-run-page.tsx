import { Button, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useMutation } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Navigate, useNavigate } from 'react-router';
import { api, ask } from '../../api/client.js';
import { toProblem } from '../../api/problem.js';
import { sessionOpened, useSession } from '../../api/session.js';
import { paths } from '../../app/paths.js';
import cards from '../../components/cards.module.css';
import { LanguageChoice } from '../../components/language-choice.js';
import { Loading } from '../../components/loading.js';
import { Logo } from '../../components/logo.js';
import { ProblemCard } from '../../components/problem-card.js';
import { saidOfFields } from '../../components/said.js';
import { currentLanguage } from '../../i18n/i18n.js';

/** The code from the link that the start printed (#setup=…); it is taken out of the address at once. */
function takeCode(): string {
  const code = new URLSearchParams(location.hash.slice(1)).get('setup') ?? '';
  if (code) history.replaceState(history.state, '', location.pathname + location.search);
  return code;
}

/** The very first visit: the first admin's account, then on to the sites. */
export function Page() {
  const { t } = useTranslation('first-run');
  const navigate = useNavigate();
  const session = useSession();
  const [code] = useState(takeCode);
  const form = useForm({
    initialValues: { code, name: 'admin', displayName: '', email: '', password: '', again: '' },
    validate: {
      password: (value) => (value.length < 12 ? t('passwordShort') : null),
      again: (value, values) => (value === values.password ? null : t('passwordDiffers')),
    },
    validateInputOnBlur: true,
  });
  const create = useMutation({
    mutationFn: async (values: typeof form.values) =>
      ask(
        api.POST('/api/v1/setup/admin', {
          body: {
            code: values.code.trim(),
            name: values.name,
            displayName: values.displayName,
            password: values.password,
            language: currentLanguage(),
            ...(values.email ? { email: values.email } : {}),
          },
        }),
      ),
    onSuccess: (opened) => {
      sessionOpened(opened);
      void navigate(paths.home(), { replace: true });
    },
    onError: (error) => form.setErrors(saidOfFields(toProblem(error))),
  });
  useEffect(() => {
    document.title = `${t('title')} · Bastide`;
  }, [t]);
  if (session.isPending) return <Loading />;
  if (session.data && !session.data.firstRun) return <Navigate to={paths.home()} replace />;
  return (
    <main className={cards['plain']}>
      <Stack className={`surface ${cards['narrow']}`}>
        <Logo size={40} />
        <Title order={1} size="h3">
          {t('title')}
        </Title>
        <Text c="dimmed">{t('about')}</Text>
        {create.error ? <ProblemCard problem={toProblem(create.error)} /> : null}
        <form onSubmit={form.onSubmit((values) => create.mutate(values))}>
          <Stack>
            {code ? null : (
              <TextInput
                label={t('code')}
                description={t('codeAbout')}
                required
                autoComplete="off"
                {...form.getInputProps('code')}
              />
            )}
            <TextInput label={t('displayName')} autoComplete="name" required {...form.getInputProps('displayName')} />
            <TextInput label={t('name')} autoComplete="username" required {...form.getInputProps('name')} />
            <TextInput label={t('email')} type="email" autoComplete="email" {...form.getInputProps('email')} />
            <PasswordInput
              label={t('password')}
              description={t('passwordAbout')}
              autoComplete="new-password"
              required
              {...form.getInputProps('password')}
            />
            <PasswordInput label={t('again')} autoComplete="new-password" required {...form.getInputProps('again')} />
            <Button type="submit" loading={create.isPending} fullWidth>
              {t('create')}
            </Button>
          </Stack>
        </form>
        <LanguageChoice />
      </Stack>
    </main>
  );
}
