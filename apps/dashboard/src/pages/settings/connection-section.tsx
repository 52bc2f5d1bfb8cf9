import { Alert, Anchor, Code, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask, baseUrl } from '../../api/client.js';
import type { Dto } from '../../api/types.js';
import { Answer } from '../../components/answer.js';
import cards from '../../components/cards.module.css';
import { ForeignText } from '../../components/foreign-text.js';
import { formatTime } from '../../components/formats.js';

/** The control plane's own certificate: what people's machines have to trust. */
export function ConnectionSection() {
  const { t } = useTranslation('connection');
  const connection = useQuery({
    queryKey: ['connection'],
    queryFn: ({ signal }) => ask(api.GET('/api/v1/connection', { signal })),
  });
  return (
    <Stack className={cards['form']}>
      <Answer of={connection}>
        {({ certificate }) => (certificate ? <Served certificate={certificate} /> : <Text>{t('plain')}</Text>)}
      </Answer>
    </Stack>
  );
}

function Served({ certificate }: { certificate: Dto<'ServedCertificateDto'> }) {
  const { t } = useTranslation('connection');
  const { source, standIn, names, notAfter, fingerprint, authority } = certificate;
  const facts = [
    [t('how'), t(`source.${source}`)],
    [t('names'), names.join(', ')],
    [t('until'), formatTime(notAfter)],
  ] as const;
  return (
    <Stack>
      {standIn ? <Alert color="orange">{t('standIn')}</Alert> : null}
      <Stack component="dl" gap="sm" m={0}>
        {facts.map(([name, value]) => (
          <Fact key={name} name={name}>
            <ForeignText>{value}</ForeignText>
          </Fact>
        ))}
        <Fact name={t('fingerprint')}>
          <Code block style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
            {fingerprint}
          </Code>
        </Fact>
        {authority ? (
          <Fact name={t('authority')}>
            <Code block style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
              {authority.fingerprint}
            </Code>
          </Fact>
        ) : null}
      </Stack>
      {authority ? (
        <>
          <Text size="sm" c="dimmed">
            {t('trust')}
          </Text>
          <Anchor href={`${baseUrl}/api/v1/connection/authority`} download size="sm">
            {t('download')}
          </Anchor>
        </>
      ) : null}
    </Stack>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <Text component="dt" size="xs" c="dimmed">
        {name}
      </Text>
      <Text component="dd" size="sm" m={0} style={{ overflowWrap: 'anywhere' }}>
        {children}
      </Text>
    </div>
  );
}
