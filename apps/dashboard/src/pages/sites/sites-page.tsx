import { Button, Stack, Text, Title } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { may, useSession } from '../../api/session.js';
import { paths } from '../../app/paths.js';
import { Answer } from '../../components/answer.js';
import cards from '../../components/cards.module.css';
import { EmptyState } from '../../components/empty-state.js';
import { Page as Frame } from '../../components/page.js';
import { useSites } from './use-sites.js';

/** Where guests run. */
export function Page() {
  const { t } = useTranslation('sites');
  const { data: session } = useSession();
  const sites = useSites();
  const connect = may(session?.account, 'admin') ? (
    <Button component={Link} to={paths.connectSite()}>
      {t('connect')}
    </Button>
  ) : undefined;
  return (
    <Frame title={t('title')} about={t('about')} action={sites.data?.length ? connect : undefined}>
      <Answer of={sites}>
        {(all) =>
          all.length === 0 ? (
            <EmptyState title={t('empty.title')} text={t('empty.text')} action={connect} />
          ) : (
            <ul className={cards['grid']}>
              {all.map((site) => (
                <li key={site.name}>
                  <Link to={paths.site(site.name)} className={`surface ${cards['card']}`}>
                    <Title order={2} size="h4">
                      {site.name}
                    </Title>
                    <Stack gap={2}>
                      <Text size="sm">{site.domain}</Text>
                      <Text size="sm" c="dimmed">
                        {site.substrates.join(', ')}
                      </Text>
                    </Stack>
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
