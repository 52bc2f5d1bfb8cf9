import { Alert, Anchor, Group, Stack, Title } from '@mantine/core';
import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { Navigate, useLocation, useNavigate, useSearchParams } from 'react-router';
import { useSession } from '../../api/session.js';
import { paths } from '../../app/paths.js';
import cards from '../../components/cards.module.css';
import { LanguageChoice } from '../../components/language-choice.js';
import { Logo } from '../../components/logo.js';
import { ReturnProblem } from '../../components/return-problem.js';
import { LogInForm } from './log-in-form.js';
import { OtherWays } from './other-ways.js';

/** Only a path of our own may be gone to afterwards. */
const ownPath = (next: string | null): string => (next && /^\/(?![/\\])/.test(next) ? next : '/');
/** Where a provider signs people out is an address of the web. */
const webAddress = (given: unknown): string | undefined =>
  typeof given === 'string' && /^https?:\/\//.test(given) ? given : undefined;

/** The door. */
export function Page() {
  const { t } = useTranslation('login');
  const navigate = useNavigate();
  const [asked] = useSearchParams();
  const { state } = useLocation();
  const session = useSession();
  const next = ownPath(asked.get('next'));
  const elsewhere = webAddress((state as { elsewhere?: unknown } | null)?.elsewhere);
  useEffect(() => {
    document.title = `${t('title')} · Bastide`;
  }, [t]);
  if (session.data?.firstRun) return <Navigate to={paths.firstRun() + location.hash} replace />;
  if (session.data?.account) return <Navigate to={next} replace />;
  const enter = () => void navigate(next, { replace: true });
  return (
    <main className={cards['plain']}>
      <Stack className={`surface ${cards['narrow']}`}>
        <Group gap="sm">
          <Logo size={36} />
          <Title order={1} size="h3">
            {t('title')}
          </Title>
        </Group>
        <ReturnProblem code={asked.get('problem')} />
        {elsewhere ? (
          <Alert color="green" role="status">
            {t('signedOut')} <Anchor href={elsewhere}>{t('signOutThere')}</Anchor>
          </Alert>
        ) : null}
        <LogInForm onDone={enter} />
        <OtherWays providers={session.data?.providers ?? []} next={next} onDone={enter} />
        <LanguageChoice />
      </Stack>
    </main>
  );
}
