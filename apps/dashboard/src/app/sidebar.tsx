import { NavLink, Stack } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { Link, NavLink as RouterLink, useMatch, useResolvedPath } from 'react-router';
import { may } from '../api/session.js';
import type { Dto } from '../api/types.js';
import { Logo } from '../components/logo.js';
import { AccountMenu } from './account-menu.js';
import { type NavigationEntry, navigation } from './navigation.js';
import { paths } from './paths.js';
import classes from './shell.module.css';

/** Where one can go, and who one is. Entries beyond one's role are not shown. */
export function Sidebar({ account }: { account: Dto<'AccountDto'> }) {
  const { t } = useTranslation();
  return (
    <div className={classes['column']}>
      <Link to={paths.home()} className={classes['brand']}>
        <Logo /> {t('title')}
      </Link>
      <nav aria-label={t('navigation')} className={classes['grow']}>
        <Stack gap={2}>
          {navigation
            .filter((entry) => may(account, entry.needs))
            .map((entry) => (
              <Entry key={entry.key} entry={entry} />
            ))}
        </Stack>
      </nav>
      <AccountMenu account={account} />
    </div>
  );
}

function Entry({ entry }: { entry: NavigationEntry }) {
  const { t } = useTranslation();
  const { pathname } = useResolvedPath(entry.to);
  const active = useMatch({ path: pathname, end: entry.to === '/' }) !== null;
  return (
    <NavLink
      component={RouterLink}
      to={entry.to}
      end={entry.to === '/'}
      active={active}
      className={classes['link'] ?? ''}
      label={t(`nav.${entry.key}`)}
      leftSection={<entry.icon size={18} stroke={1.6} aria-hidden />}
    />
  );
}
