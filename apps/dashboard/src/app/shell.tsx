import { Burger, Drawer } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { Suspense, useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, Navigate, Outlet, ScrollRestoration, useLocation } from 'react-router';
import { toProblem } from '../api/problem.js';
import { useSession } from '../api/session.js';
import { Loading } from '../components/loading.js';
import { Logo } from '../components/logo.js';
import { PagePlaceholder } from '../components/placeholder.js';
import { ProblemCard } from '../components/problem-card.js';
import { AskAgain } from './ask-again.js';
import { paths } from './paths.js';
import classes from './shell.module.css';
import { Sidebar } from './sidebar.js';

/** The frame around every page of somebody who is signed in. */
export function Shell() {
  const { t } = useTranslation();
  const session = useSession();
  const [open, menu] = useDisclosure(false);
  const { pathname, search, hash } = useLocation();
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new page closes the menu
  useEffect(menu.close, [pathname]);

  if (session.isPending) return <Loading />;
  if (!session.data) return <ProblemCard problem={toProblem(session.error)} onRetry={() => void session.refetch()} />;
  if (session.data.firstRun) return <Navigate to={paths.firstRun() + hash} replace />;
  if (!session.data.account) return <Navigate to={paths.login(pathname + search)} replace />;
  return (
    <div className={classes['frame']}>
      <button type="button" className={classes['skip']} onClick={() => document.getElementById('content')?.focus()}>
        {t('skip')}
      </button>
      <div className={classes['topbar']}>
        <Burger opened={open} onClick={menu.toggle} size="sm" aria-label={t('menu')} />
        <Link to={paths.home()} className={classes['brand']}>
          <Logo /> {t('title')}
        </Link>
      </div>
      <div className={classes['sidebar']}>
        <Sidebar account={session.data.account} />
      </div>
      <Drawer opened={open} onClose={menu.close} size="17rem" padding="md" title={t('title')}>
        <Sidebar account={session.data.account} />
      </Drawer>
      <main id="content" tabIndex={-1} className={classes['content']}>
        <Suspense fallback={<PagePlaceholder />}>
          <Outlet />
        </Suspense>
      </main>
      {/* Its texts come by themselves: nothing waits for a question that is seldom asked. */}
      <Suspense fallback={null}>
        <AskAgain name={session.data.account.name} />
      </Suspense>
      <ScrollRestoration />
    </div>
  );
}
