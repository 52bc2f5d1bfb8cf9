import { Button, Group, Modal, Stack, Text } from '@mantine/core';
import { lazy, Suspense } from 'react';
import { useTranslation } from 'react-i18next';
import { useLocation, useNavigate } from 'react-router';
import { useExpired, useSession } from '../api/session.js';
import { sessionSignal } from '../api/session-signal.js';
import { Loading } from '../components/loading.js';
import { paths } from './paths.js';

const OtherWays = lazy(async () => ({ default: (await import('../pages/login/other-ways.js')).OtherWays }));
const LogInForm = lazy(async () => ({ default: (await import('../pages/login/log-in-form.js')).LogInForm }));

/** Over the page, when the session has run out: after the log-in, what was asked is asked again and the page goes on. */
export function AskAgain({ name }: { name: string }) {
  const { t } = useTranslation('login');
  const expired = useExpired();
  const navigate = useNavigate();
  const { pathname, search } = useLocation();
  const providers = useSession().data?.providers ?? [];
  return (
    <Modal
      opened={expired}
      onClose={() => undefined}
      withCloseButton={false}
      closeOnEscape={false}
      closeOnClickOutside={false}
      title={t('expired')}
    >
      <Stack>
        <Text size="sm">{t('expiredText')}</Text>
        <Suspense fallback={<Loading />}>
          <LogInForm name={name} />
          <OtherWays providers={providers} next={pathname + search} />
        </Suspense>
        <Group justify="center">
          <Button
            variant="subtle"
            size="xs"
            onClick={() => {
              sessionSignal.closed();
              void navigate(paths.login());
            }}
          >
            {t('other')}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
