import { Alert, Button, Code, Group, Stack, Text } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import type { Problem } from '../api/problem.js';
import { ForeignText } from './foreign-text.js';
import { Said } from './said.js';

/** What went wrong, what it was about and what helps: in the reader's language. */
export function ProblemCard({ problem, onRetry }: { problem: Problem; onRetry?: () => void }) {
  const { t } = useTranslation('shell');
  // Headlines may come late or never, for instance when the server is away: that must not hide the problem.
  const { t: headline } = useTranslation('problems', { useSuspense: false });
  // The page speaks the reader's language already.
  const Words = problem.status === 0 ? ForeignText : Said;
  const away = problem.code === 'server.unreachable';
  return (
    <Alert
      color="red"
      icon={<IconAlertTriangle />}
      title={
        away
          ? t('problem.unreachable')
          : headline(problem.code.replaceAll('.', '_'), { defaultValue: t('problem.title') })
      }
      role="alert"
    >
      <Stack gap="xs">
        {away ? (
          <Text size="sm">{t('problem.unreachableRemedy')}</Text>
        ) : (
          <>
            <Text size="sm">
              {problem.subject ? (
                <>
                  <b>
                    <ForeignText>{problem.subject}</ForeignText>
                  </b>
                  {': '}
                </>
              ) : null}
              <Words>{problem.message}</Words>
            </Text>
            {problem.remedy ? (
              <Text size="sm">
                {t('problem.remedy')}: <Words>{problem.remedy}</Words>
              </Text>
            ) : null}
            <Text size="xs" c="dimmed">
              {t('problem.code')} <Code>{problem.code}</Code>
            </Text>
          </>
        )}
        {onRetry ? (
          <Group>
            <Button size="xs" variant="default" onClick={onRetry}>
              {t('retry')}
            </Button>
          </Group>
        ) : null}
      </Stack>
    </Alert>
  );
}
