import { Alert, Button, Code, Group, Stack, Text, TextInput } from '@mantine/core';
import { IconShieldExclamation } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.js';
import { toProblem } from '../../api/problem.js';
import { may, useSession } from '../../api/session.js';
import type { Dto } from '../../api/types.js';
import { CodeBlock } from '../../components/code-block.js';
import { ProblemCard } from '../../components/problem-card.js';
import { Scroll } from '../../components/scroll.js';
import classes from './repin.module.css';

/** Another certificate than the confirmed one: nothing is sent until the admin has compared it on the node itself. */
export function Repin({ site, substrate }: { site: string; substrate: Dto<'SubstrateDto'> }) {
  const { t } = useTranslation('sites');
  const { data: session } = useSession();
  const client = useQueryClient();
  const [typed, setTyped] = useState('');
  const shown = substrate.presented ?? '';
  const repin = useMutation({
    mutationFn: () =>
      ask(
        api.POST('/api/v1/sites/{name}/repin', {
          params: { path: { name: site } },
          body: { substrate: substrate.name, fingerprint: shown },
        }),
      ),
    onSuccess: () => client.invalidateQueries({ queryKey: ['site', site] }),
  });
  const allowed = may(session?.account, 'admin', site);
  return (
    <Alert color="red" icon={<IconShieldExclamation />} title={t('repin.title')} data-repin>
      <Stack gap="md">
        <Text size="sm">{t('repin.text')}</Text>
        <Scroll label={t('repin.title')}>
          <div className={classes['pair']}>
            <Fingerprint title={t('repin.old')} of={substrate.fingerprint} />
            <Fingerprint title={t('repin.new')} of={shown} />
          </div>
        </Scroll>
        <Stack gap={6}>
          <Text size="sm" fw={600}>
            {t('repin.onNode')}
          </Text>
          <Text size="sm">{t('repin.steps')}</Text>
          <CodeBlock copy>{'openssl x509 -in /etc/pve/local/pve-ssl.pem -noout -fingerprint -sha256'}</CodeBlock>
        </Stack>
        <TextInput
          label={t('repin.type', { example: 'AB:CD:EF:01' })}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
          maw={320}
          autoComplete="off"
        />
        {repin.error ? <ProblemCard problem={toProblem(repin.error)} /> : null}
        <Group>
          <Button
            color="red"
            disabled={!allowed || typed.trim().toUpperCase() !== shown.slice(-11)}
            loading={repin.isPending}
            onClick={() => repin.mutate()}
          >
            {t('repin.trust')}
          </Button>
        </Group>
        {allowed ? null : <Text size="xs">{t('needsAdmin')}</Text>}
      </Stack>
    </Alert>
  );
}

/** Eight bytes a line, so that two can be compared line by line. */
function Fingerprint({ title, of }: { title: string; of: string }) {
  const lines = (of.match(/([^:]+:?){1,8}/g) ?? []).map((line) => line.replace(/:$/, '').replaceAll(':', ' '));
  return (
    <div>
      <Text size="sm" fw={600}>
        {title}
      </Text>
      <Code block dir="ltr" className={classes['bytes'] ?? ''}>
        {lines.join('\n')}
      </Code>
    </div>
  );
}
