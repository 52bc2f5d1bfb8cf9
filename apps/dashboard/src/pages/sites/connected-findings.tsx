import { Alert, Button, Stack, Text } from '@mantine/core';
import { IconAlertTriangle, IconCircleCheck } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { paths } from '../../app/paths.js';
import { ForeignText } from '../../components/foreign-text.js';
import { Said } from '../../components/said.js';
import { Section } from '../../components/section.js';
import type { Connected } from './use-connect.js';

/** What the doctor says of a site that was just connected. */
export function ConnectedFindings({ of }: { of: Connected }) {
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
                  <Said>{finding.message}</Said>
                </Text>
                {finding.remedy ? (
                  <Text size="sm" mt={4}>
                    <b>{t('remedy')}:</b> <Said>{finding.remedy}</Said>
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
