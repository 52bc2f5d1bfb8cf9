import { Group, Stack, Title } from '@mantine/core';
import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { Navigate, useNavigate, useSearchParams } from 'react-router';
import { useSession } from '../../api/session.js';
import { paths } from '../../app/paths.js';
import cards from '../../components/cards.module.css';
import { LanguageChoice } from '../../components/language-choice.js';
import { Logo } from '../../components/logo.js';
import { LogInForm } from './log-in-form.js';

/** Only a path of our own may be gone to afterwards. */
const ownPath = (next: string | null): string => (next && /^\/(?![/\\])/.test(next) ? next : '/');

/** The door. */
export function Page() {
  const { t } = useTranslation('login');
  const navigate = useNavigate();
  const [asked] = useSearchParams();
  const session = useSession();
  const next = ownPath(asked.get('next'));
  useEffect(() => {
    document.title = `${t('title')} · Bastide`;
  }, [t]);
  if (session.data?.firstRun) return <Navigate to={paths.firstRun() + location.hash} replace />;
  if (session.data?.account) return <Navigate to={next} replace />;
  return (
    <main className={cards['plain']}>
      <Stack className={`surface ${cards['narrow']}`}>
        <Group gap="sm">
          <Logo size={36} />
          <Title order={1} size="h3">
            {t('title')}
          </Title>
        </Group>
        <LogInForm onDone={() => void navigate(next, { replace: true })} />
        <LanguageChoice />
      </Stack>
    </main>
  );
}
