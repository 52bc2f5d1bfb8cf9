import { Tabs } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router';
import { may, useSession } from '../../api/session.js';
import { paths } from '../../app/paths.js';
import { Page as Frame } from '../../components/page.js';
import { TabList } from '../../components/tab-list.js';
import { AccountSection } from './account-section.js';
import { ConnectionSection } from './connection-section.js';
import { NotificationsSection } from './notifications-section.js';
import { PeopleSection } from './people-section.js';
import { ProvidersSection } from './providers-section.js';
import { SessionsSection } from './sessions-section.js';
import { TokensSection } from './tokens-section.js';

const SECTIONS = ['account', 'sessions', 'people', 'log-in', 'tokens', 'notifications', 'connection'] as const;

/** Shown to admins alone. */
const ADMINS = new Set<string>(['people', 'log-in', 'tokens', 'notifications']);

/** One's own account, and for admins people, tokens and who hears of what. */
export function Page() {
  const { t } = useTranslation('settings');
  const navigate = useNavigate();
  const { section } = useParams();
  const session = useSession().data;
  const account = session?.account;
  const admin = may(account, 'admin');
  const open = SECTIONS.find((one) => one === section) ?? 'account';
  if (!account) return null;
  return (
    <Frame title={t('title')}>
      <Tabs value={open} onChange={(value) => void navigate(paths.settings(value ?? undefined))} keepMounted={false}>
        <TabList
          names={SECTIONS.filter((one) => admin || !ADMINS.has(one))}
          open={open}
          labelOf={(one) => t(`sections.${one}`)}
        />
        <Tabs.Panel value="account">
          <AccountSection session={{ ...session, account }} />
        </Tabs.Panel>
        <Tabs.Panel value="sessions">
          <SessionsSection />
        </Tabs.Panel>
        <Tabs.Panel value="people">
          <PeopleSection own={account.id} />
        </Tabs.Panel>
        <Tabs.Panel value="log-in">
          <ProvidersSection />
        </Tabs.Panel>
        <Tabs.Panel value="tokens">
          <TokensSection />
        </Tabs.Panel>
        <Tabs.Panel value="notifications">
          <NotificationsSection />
        </Tabs.Panel>
        <Tabs.Panel value="connection">
          <ConnectionSection />
        </Tabs.Panel>
      </Tabs>
    </Frame>
  );
}
