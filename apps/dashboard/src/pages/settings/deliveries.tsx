import { Badge, Group, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.js';
import { every } from '../../api/query-client.js';
import type { Dto } from '../../api/types.js';
import { Answer } from '../../components/answer.js';
import { ForeignText } from '../../components/foreign-text.js';
import { formatAgo, formatTime } from '../../components/formats.js';
import { Said } from '../../components/said.js';

export const DELIVERY_COLOURS: Record<Dto<'DeliveryDto'>['state'], string> = {
  open: 'orange',
  sent: 'green',
  'given-up': 'red',
};

/** What was told, to whom, and what became of it. */
export function Deliveries({ queryKey }: { queryKey: readonly string[] }) {
  const { t } = useTranslation('notifications');
  const deliveries = useQuery({
    queryKey,
    queryFn: ({ signal }) =>
      ask(api.GET('/api/v1/notifications/deliveries', { params: { query: { limit: 30 } }, signal })),
    refetchInterval: every(15_000),
  });
  return (
    <Answer of={deliveries}>
      {(rows) =>
        rows.length === 0 ? (
          <Text c="dimmed">{t('noDeliveries')}</Text>
        ) : (
          <Stack gap="xs" component="ul" p={0} m={0} style={{ listStyle: 'none' }}>
            {rows.map((row) => (
              <Group key={row.id} component="li" className="surface" px="md" py="xs" gap="sm" align="flex-start">
                <Stack gap={2} miw={0} flex="1 1 16rem">
                  <Text size="sm">
                    <ForeignText limit={160}>{row.subject}</ForeignText>
                  </Text>
                  <Text size="xs" c="dimmed">
                    <ForeignText>{row.targetName}</ForeignText> · {formatTime(row.createdAt)}
                  </Text>
                  <Outcome delivery={row} />
                </Stack>
                <Badge color={DELIVERY_COLOURS[row.state]} variant="light" tt="none" radius="sm">
                  {t(`state.${row.state}`)}
                </Badge>
              </Group>
            ))}
          </Stack>
        )
      }
    </Answer>
  );
}

function Outcome({ delivery }: { delivery: Dto<'DeliveryDto'> }) {
  const { t } = useTranslation('notifications');
  const { state, attempts, nextAt, answer, remedy } = delivery;
  return (
    <Stack gap={0}>
      {answer ? (
        <Text size="xs" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
          <Said limit={200}>{answer}</Said>
        </Text>
      ) : null}
      {remedy ? (
        <Text size="xs" c="dimmed">
          <Said>{remedy}</Said>
        </Text>
      ) : null}
      {attempts > 1 || state === 'open' ? (
        <Text size="xs" c="dimmed">
          {t('tries', { count: attempts })}
          {state === 'open' && nextAt ? ` · ${t('next', { ago: formatAgo(nextAt, Date.now()) })}` : ''}
        </Text>
      ) : null}
    </Stack>
  );
}
