import { Button, Code, Group, Stack, Text, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useSearchParams } from 'react-router';
import { api, ask } from '../../api/client.js';
import { newestError } from '../../api/newest-error.js';
import { toProblem } from '../../api/problem.js';
import { useSession } from '../../api/session.js';
import cards from '../../components/cards.module.css';
import { useConfirmed } from '../../components/confirm-self.js';
import { ForeignText } from '../../components/foreign-text.js';
import { formatTime } from '../../components/formats.js';
import { Page as Frame } from '../../components/page.js';
import { ProblemCard } from '../../components/problem-card.js';

/** Somebody at a terminal wants a session of whoever is signed in here: compared, then confirmed or refused. */
export function Page() {
  const { t } = useTranslation('device');
  const account = useSession().data?.account;
  const [asked] = useSearchParams();
  const [code, setCode] = useState(asked.get('code') ?? '');
  const { confirmed, dialog } = useConfirmed();
  const look = useMutation({
    mutationFn: () => ask(api.GET('/api/v1/account/devices', { params: { query: { code } } })),
  });
  const answer = useMutation({
    mutationFn: (confirm: boolean) =>
      confirmed(() => ask(api.POST('/api/v1/account/devices', { body: { code, confirm } }))),
  });
  const error = newestError(answer, look);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    look.mutate();
  };
  return (
    <Frame title={t('title')} about={t('about')}>
      <Stack className={`surface ${cards['form']}`} p="lg">
        {answer.isSuccess ? (
          <Text role="status">{t(answer.variables ? 'done' : 'refused')}</Text>
        ) : (
          <>
            {error ? <ProblemCard problem={toProblem(error)} /> : null}
            {look.data ? (
              <>
                <Text size="sm">
                  {t('compare')} <Code>{code.toUpperCase()}</Code>
                </Text>
                <Text size="sm" c="dimmed">
                  {t('from', { address: look.data.address, time: formatTime(look.data.createdAt) })}{' '}
                  <ForeignText limit={120}>{look.data.userAgent}</ForeignText>
                </Text>
                <Text size="sm" fw={600}>
                  {t('warning', { name: account?.name ?? '' })}
                </Text>
                <Group>
                  <Button loading={answer.isPending} onClick={() => answer.mutate(true)}>
                    {t('confirm')}
                  </Button>
                  <Button variant="default" onClick={() => answer.mutate(false)}>
                    {t('refuse')}
                  </Button>
                </Group>
              </>
            ) : (
              <form onSubmit={submit}>
                <Stack>
                  <TextInput
                    label={t('code')}
                    description={t('codeAbout')}
                    required
                    autoFocus
                    autoComplete="off"
                    value={code}
                    onChange={(event) => setCode(event.currentTarget.value)}
                  />
                  <Group>
                    <Button type="submit" loading={look.isPending}>
                      {t('next')}
                    </Button>
                  </Group>
                </Stack>
              </form>
            )}
          </>
        )}
      </Stack>
      {dialog}
    </Frame>
  );
}
