import { Tabs } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router';
import { may, useSession } from '../../api/session.js';
import { paths } from '../../app/paths.js';
import { Answer } from '../../components/answer.js';
import { Page as Frame } from '../../components/page.js';
import { PagePlaceholder } from '../../components/placeholder.js';
import { TabList } from '../../components/tab-list.js';
import { Checks } from './checks.js';
import { Configuration } from './configuration.js';
import { Guests } from './guests.js';
import { Overview } from './overview.js';
import { Remove } from './remove.js';
import { Secrets } from './secrets.js';
import { Unfinished } from './unfinished.js';
import { useStack } from './use-stack.js';

const TABS = ['overview', 'guests', 'checks', 'configuration', 'secrets', 'remove'] as const;

/** One stack: its apps, how it is built, how it fares, what may be changed. */
export function Page() {
  const { id = '', tab = 'overview' } = useParams();
  const { t } = useTranslation('stacks');
  const navigate = useNavigate();
  const { data: session } = useSession();
  const stack = useStack(id);
  return (
    <Answer of={stack} placeholder={<PagePlaceholder />}>
      {(seen) => {
        const admin = may(session?.account, 'admin', seen.stack.site);
        const shown = TABS.filter((name) => name !== 'secrets' || admin);
        const open = shown.find((name) => name === tab) ?? 'overview';
        return (
          <Frame
            title={seen.stack.name}
            about={t('line', {
              blueprint: seen.stack.blueprint,
              version: seen.stack.blueprintVersion,
              site: seen.stack.site,
            })}
          >
            <Unfinished seen={seen} />
            <Tabs
              value={open}
              onChange={(value) =>
                void navigate(paths.stack(id, value === 'overview' ? undefined : (value ?? undefined)))
              }
              keepMounted={false}
            >
              <TabList names={shown} open={open} labelOf={(name) => t(`tab.${name}`)} />
              <Tabs.Panel value="overview">
                <Overview seen={seen} admin={admin} />
              </Tabs.Panel>
              <Tabs.Panel value="guests">
                <Guests seen={seen} />
              </Tabs.Panel>
              <Tabs.Panel value="checks">
                <Checks seen={seen} />
              </Tabs.Panel>
              <Tabs.Panel value="configuration">
                <Configuration seen={seen} />
              </Tabs.Panel>
              <Tabs.Panel value="secrets">
                <Secrets seen={seen} />
              </Tabs.Panel>
              <Tabs.Panel value="remove">
                <Remove seen={seen} />
              </Tabs.Panel>
            </Tabs>
          </Frame>
        );
      }}
    </Answer>
  );
}
