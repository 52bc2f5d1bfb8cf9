import { Button, Group, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { api, ask } from '../../api/client.js';
import { every } from '../../api/query-client.js';
import { paths } from '../../app/paths.js';
import { Answer } from '../../components/answer.js';
import cards from '../../components/cards.module.css';
import { EmptyState } from '../../components/empty-state.js';
import { ForeignText } from '../../components/foreign-text.js';
import { Page as Frame } from '../../components/page.js';
import { CardsShape, Placeholder } from '../../components/placeholder.js';
import { StateBadge } from '../../components/state-badge.js';

/** What is installed, with its health. */
export function Page() {
  const { t } = useTranslation('stacks');
  const overview = useQuery({
    queryKey: ['overview'],
    queryFn: ({ signal }) => ask(api.GET('/api/v1/overview', { signal })),
    refetchInterval: every(15_000),
  });
  return (
    <Frame title={t('title')} about={t('about')}>
      <Answer
        of={overview}
        placeholder={
          <Placeholder>
            <CardsShape count={3} lines={1} />
          </Placeholder>
        }
      >
        {({ stacks }) =>
          stacks.length === 0 ? (
            <EmptyState
              title={t('empty.title')}
              text={t('empty.text')}
              action={
                <Button component={Link} to={paths.catalogue()}>
                  {t('empty.action')}
                </Button>
              }
            />
          ) : (
            <ul className={cards['grid']}>
              {stacks.map(({ stack, title, health }) => (
                <li key={stack.id}>
                  <Link to={paths.stack(stack.id)} className={`surface ${cards['card']}`}>
                    <Group justify="space-between" wrap="nowrap">
                      <Title order={2} size="h4">
                        <ForeignText>{stack.name}</ForeignText>
                      </Title>
                      <StateBadge state={health} size="sm" />
                    </Group>
                    <Text size="sm" c="dimmed">
                      {title} · {stack.site}
                    </Text>
                  </Link>
                </li>
              ))}
            </ul>
          )
        }
      </Answer>
    </Frame>
  );
}
