import { Button, Group, PasswordInput, Stack, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useMutation } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.js';
import { toProblem } from '../../api/problem.js';
import { queryClient } from '../../api/query-client.js';
import { sessionQuery } from '../../api/session.js';
import type { Dto } from '../../api/types.js';
import cards from '../../components/cards.module.css';
import { LanguageChoice } from '../../components/language-choice.js';
import { ProblemCard } from '../../components/problem-card.js';
import { saidOfFields } from '../../components/said.js';
import { Section } from '../../components/section.js';
import { AuthenticatorSection } from './authenticator-section.js';
import { LinksSection } from './links-section.js';
import { PasskeysSection } from './passkeys-section.js';
import { RecoverySection } from './recovery-section.js';

const reread = () => queryClient.invalidateQueries({ queryKey: sessionQuery.queryKey });

/** Name, e-mail, language, and everything that lets one in and keeps others out. */
export function AccountSection({ session }: { session: Dto<'SessionDto'> & { account: Dto<'AccountDto'> } }) {
  const { t } = useTranslation('settings');
  const { account, providers } = session;
  const { totp, passkeys, recoveryCodes } = account.twoFactor;
  const language = useMutation({
    mutationFn: (code: 'de' | 'en' | 'fr') => ask(api.PATCH('/api/v1/account', { body: { language: code } })),
    onSuccess: reread,
  });
  return (
    <Stack gap={40} className={cards['form']}>
      <Section title={t('profile')}>
        <Profile account={account} />
        <LanguageChoice onChosen={(code) => language.mutate(code)} />
      </Section>
      {session.hasPassword ? (
        <Section title={t('password')}>
          <Password />
        </Section>
      ) : null}
      {account.origin ? null : (
        <Section title={t('passkeys')}>
          <PasskeysSection />
        </Section>
      )}
      {session.hasPassword ? (
        <Section title={t('authenticator')}>
          <AuthenticatorSection on={totp} />
        </Section>
      ) : null}
      {session.hasPassword && (totp || passkeys > 0) ? (
        <Section title={t('recovery')}>
          <RecoverySection left={recoveryCodes} />
        </Section>
      ) : null}
      {providers.length > 0 ? (
        <Section title={t('links')}>
          <LinksSection providers={providers} {...(account.origin ? { origin: account.origin } : {})} />
        </Section>
      ) : null}
    </Stack>
  );
}

function Profile({ account }: { account: Dto<'AccountDto'> }) {
  const { t } = useTranslation('settings');
  const form = useForm({ initialValues: { displayName: account.displayName, email: account.email ?? '' } });
  const save = useMutation({
    mutationFn: (values: typeof form.values) =>
      ask(api.PATCH('/api/v1/account', { body: { displayName: values.displayName, email: values.email || null } })),
    onSuccess: async () => {
      form.resetDirty();
      await reread();
    },
    onError: (error) => form.setErrors(saidOfFields(toProblem(error))),
  });
  return (
    <form onSubmit={form.onSubmit((values) => save.mutate(values))}>
      <Stack>
        <TextInput label={t('displayName')} required autoComplete="name" {...form.getInputProps('displayName')} />
        <TextInput label={t('email')} type="email" autoComplete="email" {...form.getInputProps('email')} />
        {save.error ? <ProblemCard problem={toProblem(save.error)} /> : null}
        <Group>
          <Button type="submit" variant="default" loading={save.isPending}>
            {t('save')}
          </Button>
          {save.isSuccess && !form.isDirty() ? <Done text={t('saved')} /> : null}
        </Group>
      </Stack>
    </form>
  );
}

function Password() {
  const { t } = useTranslation('settings');
  const form = useForm({
    initialValues: { current: '', new: '' },
    validate: { new: (value) => (value.length < 12 ? t('passwordShort') : null) },
  });
  const save = useMutation({
    mutationFn: (values: typeof form.values) => ask(api.POST('/api/v1/account/password', { body: values })),
    onSuccess: async () => {
      form.reset();
      await reread();
    },
    onError: (error) => form.setErrors(saidOfFields(toProblem(error))),
  });
  return (
    <form onSubmit={form.onSubmit((values) => save.mutate(values))}>
      <Stack>
        <PasswordInput
          label={t('current')}
          required
          autoComplete="current-password"
          {...form.getInputProps('current')}
        />
        <PasswordInput label={t('newPassword')} required autoComplete="new-password" {...form.getInputProps('new')} />
        {save.error ? <ProblemCard problem={toProblem(save.error)} /> : null}
        <Group>
          <Button type="submit" variant="default" loading={save.isPending}>
            {t('change')}
          </Button>
          {save.isSuccess && !form.isDirty() ? <Done text={t('passwordChanged')} /> : null}
        </Group>
      </Stack>
    </form>
  );
}

function Done({ text }: { text: string }) {
  return (
    <Text size="sm" fw={600} role="status">
      {text}
    </Text>
  );
}
