import { Button, Group, PasswordInput, Stack, Textarea, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useTranslation } from 'react-i18next';
import { toProblem } from '../../api/problem.js';
import cards from '../../components/cards.module.css';
import { ProblemCard } from '../../components/problem-card.js';
import { ConnectedFindings } from './connected-findings.js';
import { credentialOf, siteNameOf, useConnect } from './use-connect.js';

/** For who has a site document already. */
export function DocumentForm() {
  const { t } = useTranslation('connect');
  const form = useForm({
    initialValues: { document: '', credential: '', secret: '' },
    validate: { document: (value) => (siteNameOf(value) ? null : t('noName')) },
  });
  const connect = useConnect(() => form.setFieldValue('secret', ''));
  return (
    <Stack mt="md">
      <form onSubmit={form.onSubmit((values) => connect.mutate(values))}>
        <Stack>
          <Textarea
            label={t('document')}
            description={t('documentAbout')}
            autosize
            minRows={8}
            maxRows={24}
            required
            spellCheck={false}
            ff="monospace"
            {...form.getInputProps('document')}
          />
          <Stack className={cards['form']}>
            <TextInput
              label={t('credential')}
              placeholder={credentialOf(form.values.document) ?? 'pve-token'}
              {...form.getInputProps('credential')}
            />
            <PasswordInput
              label={t('secret')}
              description={t('secretAbout')}
              autoComplete="off"
              {...form.getInputProps('secret')}
            />
          </Stack>
          {connect.error ? <ProblemCard problem={toProblem(connect.error)} /> : null}
          <Group>
            <Button type="submit" variant="default" loading={connect.isPending}>
              {t('connect')}
            </Button>
          </Group>
        </Stack>
      </form>
      {connect.data ? <ConnectedFindings of={connect.data} /> : null}
    </Stack>
  );
}
