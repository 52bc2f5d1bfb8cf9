import { Checkbox, Group, PasswordInput, Select, Stack, Textarea, TextInput } from '@mantine/core';
import type { UseFormReturnType } from '@mantine/form';
import { useTranslation } from 'react-i18next';
import { type FormValues, USUAL_PORTS } from './target-values.js';

type Form = UseFormReturnType<FormValues>;

export function MailFields({ form, kept }: { form: Form; kept: boolean }) {
  const { t } = useTranslation('notifications');
  const { onChange, ...security } = form.getInputProps('mail.security');
  return (
    <Stack>
      <Textarea
        label={t('recipients')}
        description={t('recipientsText')}
        required
        autosize
        minRows={2}
        {...form.getInputProps('mail.recipients')}
      />
      <TextInput label={t('sender')} required type="email" autoComplete="off" {...form.getInputProps('mail.sender')} />
      <Group align="flex-start" preventGrowOverflow={false} grow>
        <TextInput label={t('host')} required autoComplete="off" {...form.getInputProps('mail.host')} />
        <Select
          label={t('security')}
          allowDeselect={false}
          data={(['starttls', 'tls', 'none'] as const).map((value) => ({ value, label: t(`securities.${value}`) }))}
          {...security}
          onChange={(value: string | null) => {
            onChange(value);
            // Whoever typed a port of their own keeps it.
            const usual = Object.values(USUAL_PORTS).includes(form.values.mail.port);
            if (value && usual) form.setFieldValue('mail.port', USUAL_PORTS[value] ?? '');
          }}
        />
        <TextInput label={t('port')} required inputMode="numeric" maw={120} {...form.getInputProps('mail.port')} />
      </Group>
      <Group grow preventGrowOverflow={false} align="flex-start">
        <TextInput label={t('user')} autoComplete="off" miw="12rem" {...form.getInputProps('mail.user')} />
        <PasswordInput
          label={t('password')}
          miw="12rem"
          {...(kept ? { description: t('keep') } : {})}
          autoComplete="new-password"
          {...form.getInputProps('mail.password')}
        />
      </Group>
      <Authority form={form} field="mail.ca" />
    </Stack>
  );
}

export function WebhookFields({ form, kept }: { form: Form; kept: boolean }) {
  const { t } = useTranslation('notifications');
  return (
    <Stack>
      <TextInput
        label={t('url')}
        description={t('urlText')}
        required
        type="url"
        autoComplete="off"
        placeholder="https://"
        {...form.getInputProps('webhook.url')}
      />
      <Checkbox
        label={t('private')}
        description={t('privateText')}
        {...form.getInputProps('webhook.privateAddresses', { type: 'checkbox' })}
      />
      <PasswordInput
        label={t('key')}
        description={t(kept ? 'keep' : 'keyText')}
        autoComplete="new-password"
        {...form.getInputProps('webhook.signingKey')}
      />
      <Authority form={form} field="webhook.ca" />
    </Stack>
  );
}

function Authority({ form, field }: { form: Form; field: 'mail.ca' | 'webhook.ca' }) {
  const { t } = useTranslation('notifications');
  return (
    <Textarea
      label={t('ca')}
      description={t('caText')}
      autosize
      maxRows={6}
      spellCheck={false}
      styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
      {...form.getInputProps(field)}
    />
  );
}
