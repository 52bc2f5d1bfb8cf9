import { Button, Checkbox, Group, SegmentedControl, Select, Stack, Text, TextInput } from '@mantine/core';
import { type UseFormReturnType, useForm } from '@mantine/form';
import { useMutation } from '@tanstack/react-query';
import { useId } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.js';
import { toProblem } from '../../api/problem.js';
import type { Dto } from '../../api/types.js';
import { ProblemCard } from '../../components/problem-card.js';
import { saidOfFields } from '../../components/said.js';
import { currentLanguage, LANGUAGES } from '../../i18n/i18n.js';
import { useSites } from '../sites/use-sites.js';
import { MailFields, WebhookFields } from './route-fields.js';
import { type FormValues, initialValues, toRequest } from './target-values.js';

type Target = Dto<'NotificationTargetDto'>;

const SEVERITIES = ['info', 'warning', 'error'] as const;
const EVENTS: readonly Target['kinds'][number][] = [
  'run-failed',
  'run-waiting',
  'run-succeeded',
  'stack-unhealthy',
  'stack-healthy',
  'drift-found',
  'certificate-expiring',
  'certificate-failed',
  'account-locked',
  'worker-missing',
  'disk-low',
  'audit-broken',
];

/** Makes a target or changes one; what the server finds stands at its field. */
export function TargetForm({ before, onDone }: { before?: Target; onDone: (saved: Dto<'SavedTargetDto'>) => void }) {
  const { t } = useTranslation('notifications');
  const form = useForm<FormValues>({ initialValues: initialValues(before, currentLanguage() as Target['language']) });
  const save = useMutation({
    mutationFn: (values: FormValues) => {
      const body = toRequest(values, before !== undefined);
      return ask(
        before
          ? api.PUT('/api/v1/notifications/targets/{id}', { params: { path: { id: before.id } }, body })
          : api.POST('/api/v1/notifications/targets', { body }),
      );
    },
    onSuccess: onDone,
    onError: (error) => form.setErrors(saidOfFields(toProblem(error))),
  });
  const { kind } = form.values;
  const how = useId();
  return (
    <form onSubmit={form.onSubmit((values) => save.mutate(values))} noValidate>
      <Stack>
        <TextInput label={t('name')} required data-autofocus autoComplete="off" {...form.getInputProps('name')} />
        {before ? null : (
          <Stack gap={4}>
            <Text size="sm" fw={600} id={how}>
              {t('how')}
            </Text>
            <SegmentedControl
              aria-labelledby={how}
              data={(['mail', 'webhook'] as const).map((value) => ({ value, label: t(`kind.${value}`) }))}
              {...form.getInputProps('kind')}
            />
          </Stack>
        )}
        {kind === 'mail' ? (
          <MailFields form={form} kept={before?.secretKept ?? false} />
        ) : (
          <WebhookFields form={form} kept={before?.secretKept ?? false} />
        )}
        <Group grow preventGrowOverflow={false} align="flex-start">
          <Select
            label={t('severity')}
            allowDeselect={false}
            data={SEVERITIES.map((value) => ({ value, label: t(`severities.${value}`) }))}
            {...form.getInputProps('severity')}
          />
          <Select
            label={t('language')}
            allowDeselect={false}
            data={Object.entries(LANGUAGES).map(([value, label]) => ({ value, label }))}
            {...form.getInputProps('language')}
          />
        </Group>
        <FilterFields form={form} />
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

/** Rarely needed, so it opens when asked for, or when something is chosen already. */
function FilterFields({ form }: { form: UseFormReturnType<FormValues> }) {
  const { t } = useTranslation('notifications');
  const sites = useSites().data ?? [];
  const chosen = form.values.sites.length + form.values.kinds.length > 0;
  return (
    <details open={chosen}>
      <Text component="summary" size="sm" fw={600}>
        {t('more')}
      </Text>
      <Stack pt="sm">
        {sites.length > 1 ? (
          <Checkbox.Group label={t('sites')} description={t('sitesText')} {...form.getInputProps('sites')}>
            <Group pt="xs">
              {sites.map(({ name }) => (
                <Checkbox key={name} value={name} label={name} />
              ))}
            </Group>
          </Checkbox.Group>
        ) : null}
        <Checkbox.Group label={t('kinds')} description={t('kindsText')} {...form.getInputProps('kinds')}>
          <Stack pt="xs" gap="xs">
            {EVENTS.map((event) => (
              <Checkbox key={event} value={event} label={t(`event.${event}`)} />
            ))}
          </Stack>
        </Checkbox.Group>
      </Stack>
    </details>
  );
}
