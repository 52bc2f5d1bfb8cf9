import { Alert, Button, Group, PasswordInput, Stack, Text, Textarea, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { IconAlertTriangle, IconCircleCheck } from '@tabler/icons-react';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate } from 'react-router';
import { api, ask } from '../../api/client.js';
import { toProblem } from '../../api/problem.js';
import { queryClient } from '../../api/query-client.js';
import type { Dto } from '../../api/types.js';
import { paths } from '../../app/paths.js';
import cards from '../../components/cards.module.css';
import { ForeignText } from '../../components/foreign-text.js';
import { Page as Frame } from '../../components/page.js';
import { ProblemCard } from '../../components/problem-card.js';
import { Section } from '../../components/section.js';

const NAME = /^\s*metadata:\s*(?:\{\s*name:\s*([\w-]+)|\n\s+name:\s*([\w-]+))/m;
const CREDENTIAL = /credential:\s*secret:([\w-]+)/;

interface Connected {
  site: Dto<'SiteDto'>;
  findings: Dto<'DoctorFindingDto'>[];
}

/** Connects a site by its document, and lets the doctor say what is missing. */
export function Page() {
  const { t } = useTranslation('connect');
  const form = useForm({
    initialValues: { document: '', credential: '', secret: '' },
    validate: { document: (value) => (NAME.test(value) ? null : t('noName')) },
  });
  const connect = useMutation({
    mutationFn: async (values: typeof form.values): Promise<Connected> => {
      const found = NAME.exec(values.document);
      const name = found?.[1] ?? found?.[2] ?? '';
      const credential = values.credential || CREDENTIAL.exec(values.document)?.[1];
      const site = await ask(
        api.PUT('/api/v1/sites/{name}', {
          params: { path: { name } },
          body: {
            document: values.document,
            ...(credential && values.secret ? { credentials: { [credential]: values.secret.trim() } } : {}),
          },
        }),
      );
      return { site, findings: await ask(api.POST('/api/v1/sites/{name}/doctor', { params: { path: { name } } })) };
    },
    onSuccess: async () => {
      form.setFieldValue('secret', '');
      await queryClient.invalidateQueries();
    },
  });
  return (
    <Frame title={t('title')} about={t('about')}>
      <Offer />
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
              placeholder={CREDENTIAL.exec(form.values.document)?.[1] ?? 'pve-token'}
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
            <Button type="submit" loading={connect.isPending}>
              {t('connect')}
            </Button>
          </Group>
        </Stack>
      </form>
      {connect.data ? <Findings of={connect.data} /> : null}
    </Frame>
  );
}

/** A site that is ready to be connected, where there is one: the lab on this machine. */
function Offer() {
  const { t } = useTranslation('connect');
  const navigate = useNavigate();
  const offer = useQuery({
    queryKey: ['sites', 'offer'],
    queryFn: ({ signal }) => ask(api.GET('/api/v1/sites/offer', { signal })),
  });
  const accept = useMutation({
    mutationFn: () => ask(api.POST('/api/v1/sites/offer/accept')),
    onSuccess: async (site) => {
      await queryClient.invalidateQueries();
      void navigate(paths.site(site.name));
    },
  });
  if (!offer.data?.available) return null;
  return (
    <Section title={t('lab')}>
      <Text size="sm">{t('labAbout', { domain: offer.data.domain })}</Text>
      {accept.error ? <ProblemCard problem={toProblem(accept.error)} /> : null}
      <Group>
        <Button loading={accept.isPending} onClick={() => accept.mutate()}>
          {t('labConnect')}
        </Button>
      </Group>
    </Section>
  );
}

function Findings({ of }: { of: Connected }) {
  const { t } = useTranslation('connect');
  const wrong = of.findings.filter((finding) => finding.severity !== 'ok');
  return (
    <Section title={t('doctor')}>
      <div role="status">
        {wrong.length === 0 ? (
          <Alert color="green" icon={<IconCircleCheck />} title={t('fine')}>
            <Button component={Link} to={paths.catalogue()} size="xs">
              {t('toCatalogue')}
            </Button>
          </Alert>
        ) : (
          <Stack>
            {wrong.map((finding) => (
              <Alert
                key={`${finding.code} ${finding.subject}`}
                color={finding.severity === 'error' ? 'red' : 'orange'}
                icon={<IconAlertTriangle />}
                title={<ForeignText>{finding.subject}</ForeignText>}
              >
                <Text size="sm">
                  <ForeignText>{finding.message}</ForeignText>
                </Text>
                {finding.remedy ? (
                  <Text size="sm" mt={4}>
                    <b>{t('remedy')}:</b> <ForeignText>{finding.remedy}</ForeignText>
                  </Text>
                ) : null}
              </Alert>
            ))}
          </Stack>
        )}
      </div>
    </Section>
  );
}
