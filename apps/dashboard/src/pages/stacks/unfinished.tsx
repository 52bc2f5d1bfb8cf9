import { Alert, List, Text } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useTranslation } from 'react-i18next';
import { underWay } from '../../api/run-states.js';
import type { Dto } from '../../api/types.js';
import { ForeignText } from '../../components/foreign-text.js';

/** What creations that came to no end may have left on the cluster; while a run is under way it is that run's own affair. */
export function Unfinished({ seen }: { seen: Dto<'StackDetailDto'> }) {
  const { t } = useTranslation('stacks');
  if (seen.unfinished.length === 0 || underWay(seen.stack.latestRun?.state)) return null;
  return (
    <Alert
      color="orange"
      icon={<IconAlertTriangle aria-hidden />}
      title={t('unfinished.title')}
      mb="md"
      data-unfinished
    >
      <Text size="sm">{t('unfinished.text')}</Text>
      <List size="sm" my="xs">
        {seen.unfinished.map(({ instance, name, hostname, substrate, vmids }) => (
          <List.Item key={`${instance}.${name}`}>
            <ForeignText>{t('unfinished.entry', { guest: hostname, ids: vmids.join(', '), substrate })}</ForeignText>
          </List.Item>
        ))}
      </List>
      <Text size="sm">{t('unfinished.way')}</Text>
    </Alert>
  );
}
