import { Button, Group, PasswordInput, Select, Stack, Switch, Text, Textarea, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.js';
import { toProblem } from '../../api/problem.js';
import type { Dto } from '../../api/types.js';
import { ProblemCard } from '../../components/problem-card.js';
import { saidOfFields } from '../../components/said.js';

const ROLES = ['viewer', 'operator', 'author', 'admin'] as const;
const EVERYWHERE = '*';

/** What an admin says of an identity provider; new without `provider`. Of one that a stack binds, only what is ours to say. */
export function ProviderForm({ provider, onDone }: { provider?: Dto<'ProviderDto'>; onDone: (id: string) => void }) {
  const { t } = useTranslation('providers');
  const bound = provider?.stack !== undefined;
  const form = useForm({
    initialValues: {
      name: provider?.name ?? '',
      issuer: provider?.issuer ?? '',
      clientId: provider?.clientId ?? '',
      clientSecret: '',
      scopes: (provider?.scopes ?? ['openid', 'profile', 'email', 'groups']).join(' '),
      groupsClaim: provider?.groupsClaim ?? 'groups',
      mappings: provider?.mappings ?? [{ group: '', role: 'viewer' as Dto<'GrantDto'>['role'], site: null }],
      admitsUnknown: provider?.admitsUnknown ?? true,
      enabled: provider?.enabled ?? true,
      caCertificate: provider?.caCertificate ?? '',
    },
  });
  const sites = useQuery({ queryKey: ['sites'], queryFn: ({ signal }) => ask(api.GET('/api/v1/sites', { signal })) });
  const save = useMutation({
    mutationFn: (values: typeof form.values) => {
      const { issuer, clientId, clientSecret, scopes, caCertificate, mappings, ...rest } = values;
      const body = {
        ...rest,
        mappings: mappings.filter(({ group }) => group.trim() !== ''),
        ...(bound
          ? {}
          : {
              issuer: issuer.trim(),
              clientId: clientId.trim(),
              scopes: scopes.split(/\s+/).filter(Boolean),
              caCertificate: caCertificate.trim() || null,
              ...(clientSecret ? { clientSecret } : {}),
            }),
      };
      return provider
        ? ask(api.PATCH('/api/v1/identity-providers/{id}', { params: { path: { id: provider.id } }, body }))
        : ask(api.POST('/api/v1/identity-providers', { body }));
    },
    onSuccess: ({ id }) => onDone(id),
    onError: (error) => form.setErrors(saidOfFields(toProblem(error))),
  });
  const places = [
    { value: EVERYWHERE, label: t('everySite') },
    ...(sites.data ?? []).map(({ name }) => ({ value: name, label: name })),
  ];
  return (
    <form onSubmit={form.onSubmit((values) => save.mutate(values))}>
      <Stack>
        <TextInput
          label={t('name')}
          description={t('nameAbout')}
          required
          data-autofocus
          autoComplete="off"
          {...form.getInputProps('name')}
        />
        {bound ? null : (
          <>
            <TextInput
              label={t('issuer')}
              description={t('issuerAbout')}
              placeholder="https://auth.town.example"
              required
              autoComplete="off"
              {...form.getInputProps('issuer')}
            />
            <TextInput label={t('clientId')} required autoComplete="off" {...form.getInputProps('clientId')} />
            <PasswordInput
              label={t('clientSecret')}
              description={provider?.hasSecret ? t('clientSecretKept') : undefined}
              autoComplete="new-password"
              {...form.getInputProps('clientSecret')}
            />
          </>
        )}
        <Stack gap="xs" role="group" aria-label={t('mappings')}>
          <Text size="sm" fw={600}>
            {t('mappings')}
          </Text>
          <Text size="xs" c="dimmed">
            {t('mappingsAbout')}
          </Text>
          {form.values.mappings.map((mapping, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: rows have no name of their own and only the last one comes or goes
            <Group key={at} gap="xs" align="flex-end">
              <TextInput
                label={t('group')}
                autoComplete="off"
                flex="1 1 9rem"
                {...form.getInputProps(`mappings.${at}.group`)}
              />
              <Select
                label={t('role')}
                flex="1 1 7rem"
                data={ROLES.map((role) => ({ value: role, label: t(`settings:roles.${role}`) }))}
                allowDeselect={false}
                {...form.getInputProps(`mappings.${at}.role`)}
              />
              <Select
                label={t('site')}
                flex="1 1 7rem"
                data={places}
                value={mapping.site ?? EVERYWHERE}
                allowDeselect={false}
                onChange={(site) => form.setFieldValue(`mappings.${at}.site`, site === EVERYWHERE ? null : site)}
              />
              <Button
                variant="subtle"
                size="sm"
                color="gray"
                aria-label={`${t('remove')} ${mapping.group}`}
                onClick={() => form.removeListItem('mappings', at)}
              >
                {t('remove')}
              </Button>
            </Group>
          ))}
          {form.errors['mappings'] ? (
            <Text size="sm" c="red" role="alert">
              {form.errors['mappings']}
            </Text>
          ) : null}
          <Group>
            <Button
              size="xs"
              variant="default"
              onClick={() => form.insertListItem('mappings', { group: '', role: 'viewer', site: null })}
            >
              {t('addMapping')}
            </Button>
          </Group>
        </Stack>
        <Switch
          label={t('admitsUnknown')}
          description={t('admitsUnknownAbout')}
          {...form.getInputProps('admitsUnknown', { type: 'checkbox' })}
        />
        <Switch label={t('enabled')} {...form.getInputProps('enabled', { type: 'checkbox' })} />
        {bound ? null : (
          <details>
            <Text component="summary" size="sm">
              {t('more')}
            </Text>
            <Stack mt="sm">
              <TextInput label={t('scopes')} autoComplete="off" {...form.getInputProps('scopes')} />
              <TextInput label={t('groupsClaim')} autoComplete="off" {...form.getInputProps('groupsClaim')} />
              <Textarea
                label={t('caCertificate')}
                description={t('caCertificateAbout')}
                autosize
                minRows={3}
                maxRows={8}
                ff="monospace"
                spellCheck={false}
                {...form.getInputProps('caCertificate')}
              />
            </Stack>
          </details>
        )}
        {save.error ? <ProblemCard problem={toProblem(save.error)} /> : null}
        <Group justify="flex-end">
          <Button type="submit" loading={save.isPending}>
            {t('save')}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
