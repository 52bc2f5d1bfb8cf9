import { Button, Stack, Text } from '@mantine/core';
import { IconFingerprint } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, ask, baseUrl } from '../../api/client.js';
import { answerPasskey, knowsPasskeys } from '../../api/passkey.js';
import { toProblem } from '../../api/problem.js';
import { sessionOpened } from '../../api/session.js';
import type { Dto } from '../../api/types.js';
import { paths } from '../../app/paths.js';
import { cleanText } from '../../components/clean-text.js';
import { ProblemCard } from '../../components/problem-card.js';

/** Ways in beside name and password: a passkey alone, and identity providers. `next`: the page wanted afterwards. */
export function OtherWays({
  providers,
  next,
  onDone,
}: {
  providers: readonly Dto<'ProviderButtonDto'>[];
  next: string;
  onDone?: () => void;
}) {
  const { t } = useTranslation('login');
  const byPasskey = useMutation({
    mutationFn: async () => {
      const response = await answerPasskey(await ask(api.GET('/api/v1/session/passkey')));
      return await ask(api.POST('/api/v1/session/passkey', { body: { response } }));
    },
    onSuccess: (session) => {
      sessionOpened(session);
      onDone?.();
    },
  });
  if (!knowsPasskeys() && providers.length === 0) return null;
  return (
    <Stack gap="sm">
      <Text size="sm" c="dimmed" ta="center">
        {t('or')}
      </Text>
      {byPasskey.error ? <ProblemCard problem={toProblem(byPasskey.error)} /> : null}
      {knowsPasskeys() ? (
        <Button
          variant="default"
          fullWidth
          leftSection={<IconFingerprint size={18} stroke={1.6} aria-hidden />}
          loading={byPasskey.isPending}
          onClick={() => byPasskey.mutate()}
        >
          {t('byPasskey')}
        </Button>
      ) : null}
      {providers.map(({ id, name }) => (
        <Button key={id} component="a" variant="default" fullWidth href={`${baseUrl}/${paths.provider(id, next)}`}>
          {t('byProvider', { name: cleanText(name) })}
        </Button>
      ))}
    </Stack>
  );
}
