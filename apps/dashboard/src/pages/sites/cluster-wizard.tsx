import { Button, Group, List, PasswordInput, Stack, Table, Text, Textarea, TextInput, Title } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useMutation } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.js';
import { toProblem } from '../../api/problem.js';
import type { Dto } from '../../api/types.js';
import cards from '../../components/cards.module.css';
import { CodeBlock } from '../../components/code-block.js';
import { ForeignText } from '../../components/foreign-text.js';
import { formatTime } from '../../components/formats.js';
import { ProblemCard } from '../../components/problem-card.js';
import { saidOfFields } from '../../components/said.js';
import { Section } from '../../components/section.js';
import { ConnectedFindings } from './connected-findings.js';
import { siteNameOf, useConnect } from './use-connect.js';

/** Read on the node itself: what came over the network cannot vouch for itself. */
const FINGERPRINT = 'openssl x509 -in /etc/pve/local/pve-ssl.pem -noout -fingerprint -sha256';

/** Enough to look at the cluster and propose a document; what working there needs on top is the doctor's one line. */
const TOKEN = `pveum user add bastide@pve --comment 'Bastide control plane'
pveum user token add bastide@pve control --privsep 1
pveum acl modify / --roles PVEAuditor --users bastide@pve --tokens 'bastide@pve!control'`;

/** A Proxmox cluster step by step: the certificate, a token, the document, the doctor. Nothing is kept before the last step. */
export function ClusterWizard() {
  const { t } = useTranslation('connect');
  const [endpoint, setEndpoint] = useState('');
  const [confirmed, setConfirmed] = useState<string>();
  const probe = useMutation({
    mutationFn: (asked: string) => ask(api.POST('/api/v1/sites/probe', { body: { endpoint: asked } })),
  });
  const shown = probe.data;
  return (
    <Section title={t('cluster')}>
      <Step title={t('step.certificate')}>
        <form
          onSubmit={(event) => {
            event.preventDefault();
            setConfirmed(undefined);
            probe.mutate(endpoint.trim());
          }}
        >
          <Stack className={cards['form']} gap="sm">
            <TextInput
              label={t('endpoint')}
              placeholder="https://pve1.town.example:8006"
              required
              value={endpoint}
              error={probe.error ? saidOfFields(toProblem(probe.error))['endpoint'] : undefined}
              onChange={(event) => {
                setEndpoint(event.currentTarget.value);
                setConfirmed(undefined);
                probe.reset();
              }}
            />
            <Group>
              <Button type="submit" variant={shown ? 'default' : 'filled'} loading={probe.isPending}>
                {t('look')}
              </Button>
            </Group>
          </Stack>
        </form>
        {probe.error ? <ProblemCard problem={toProblem(probe.error)} /> : null}
        {shown ? <Certificate of={shown} confirmed={confirmed !== undefined} onConfirm={setConfirmed} /> : null}
      </Step>
      {confirmed ? <Draft key={confirmed} endpoint={endpoint.trim()} fingerprint={confirmed} /> : null}
    </Section>
  );
}

function Step({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Stack className="surface" p="md" gap="sm">
      <Title order={3} size="h5">
        {title}
      </Title>
      {children}
    </Stack>
  );
}

function Certificate({
  of,
  confirmed,
  onConfirm,
}: {
  of: Dto<'ProbeDto'>;
  confirmed: boolean;
  onConfirm: (fingerprint: string) => void;
}) {
  const { t } = useTranslation('connect');
  return (
    <Stack gap="sm" role="status">
      <Text size="sm">{t('shown')}</Text>
      <CodeBlock>{of.fingerprint}</CodeBlock>
      <Text size="sm" c="dimmed">
        <ForeignText>{of.subject}</ForeignText> · {t('validUntil', { time: formatTime(of.validUntil) })}
      </Text>
      <Text size="sm">{t('compare')}</Text>
      <CodeBlock copy>{FINGERPRINT}</CodeBlock>
      {confirmed ? (
        <Text size="sm" fw={600}>
          {t('confirmed')}
        </Text>
      ) : (
        <Group>
          <Button onClick={() => onConfirm(of.fingerprint)}>{t('confirm')}</Button>
        </Group>
      )}
    </Stack>
  );
}

const FIELDS = ['name', 'domain', 'country', 'adminEmail'] as const;

function Draft({ endpoint, fingerprint }: { endpoint: string; fingerprint: string }) {
  const { t } = useTranslation('connect');
  const form = useForm({ initialValues: { credential: '', name: '', domain: '', country: '', adminEmail: '' } });
  const draft = useMutation({
    mutationFn: (values: typeof form.values) =>
      ask(
        api.POST('/api/v1/sites/draft', {
          body: { ...values, credential: values.credential.trim(), endpoint, fingerprint },
        }),
      ),
    onError: (error) => form.setErrors(saidOfFields(toProblem(error))),
  });
  return (
    <>
      <Step title={t('step.token')}>
        <Text size="sm">{t('tokenAbout')}</Text>
        <CodeBlock copy>{TOKEN}</CodeBlock>
        <form onSubmit={form.onSubmit((values) => draft.mutate(values))}>
          <Stack className={cards['form']} gap="sm">
            <PasswordInput
              label={t('secret')}
              description={t('tokenForm')}
              autoComplete="off"
              required
              {...form.getInputProps('credential')}
            />
            {FIELDS.map((field) => (
              <TextInput
                key={field}
                label={t(`field.${field}`)}
                description={t(`about_${field}`)}
                required
                {...form.getInputProps(field)}
              />
            ))}
            <Group>
              <Button type="submit" variant={draft.data ? 'default' : 'filled'} loading={draft.isPending}>
                {t('propose')}
              </Button>
            </Group>
          </Stack>
        </form>
        {draft.error ? <ProblemCard problem={toProblem(draft.error)} /> : null}
      </Step>
      {draft.data ? (
        <Review key={draft.submittedAt} draft={draft.data} secret={draft.variables.credential.trim()} />
      ) : null}
    </>
  );
}

function Review({ draft, secret }: { draft: Dto<'DraftDto'>; secret: string }) {
  const { t } = useTranslation('connect');
  const [document, setDocument] = useState(draft.document);
  const connect = useConnect(() => undefined);
  const rows = [
    [t('found.version'), draft.version],
    [t('found.nodes'), draft.nodes.join(', ')],
    [t('found.storages'), draft.storages.join(', ')],
    [t('found.bridges'), draft.bridges.join(', ')],
  ] as const;
  return (
    <Step title={t('step.document')}>
      <Table>
        <Table.Tbody>
          {rows.map(([title, value]) => (
            <Table.Tr key={title}>
              <Table.Th scope="row">{title}</Table.Th>
              <Table.Td>
                <ForeignText>{value}</ForeignText>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      {draft.open.length > 0 ? (
        <div>
          <Text size="sm">{t('open')}</Text>
          <List size="sm">
            {draft.open.map((field) => (
              <List.Item key={field}>{t(`opens.${field.replaceAll('.', '_')}`, { defaultValue: field })}</List.Item>
            ))}
          </List>
        </div>
      ) : null}
      <Textarea
        label={t('document')}
        description={t('reviewAbout')}
        autosize
        minRows={12}
        maxRows={40}
        spellCheck={false}
        ff="monospace"
        value={document}
        error={siteNameOf(document) ? undefined : t('noName')}
        onChange={(event) => setDocument(event.currentTarget.value)}
      />
      {connect.error ? <ProblemCard problem={toProblem(connect.error)} /> : null}
      <Group>
        <Button
          loading={connect.isPending}
          disabled={!siteNameOf(document)}
          onClick={() => connect.mutate({ document, credential: '', secret })}
        >
          {t('connect')}
        </Button>
      </Group>
      {connect.data ? <ConnectedFindings of={connect.data} /> : null}
    </Step>
  );
}
