import { Alert, Button, Checkbox, Group, List, Stack, Text, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useMutation, useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { api, ask } from '../../api/client.js';
import { toProblem } from '../../api/problem.js';
import { may, useSession } from '../../api/session.js';
import type { Dto } from '../../api/types.js';
import { paths } from '../../app/paths.js';
import { ForeignText } from '../../components/foreign-text.js';
import { ProblemCard } from '../../components/problem-card.js';
import { Said } from '../../components/said.js';
import { Section } from '../../components/section.js';

/** How long somebody must not have typed before the server is asked about the name, milliseconds. */
const PAUSE = 300;

/** Another domain for the whole site. The server says while one types whether it can be had; the change is a plan first. */
export function DomainSection({ site }: { site: Dto<'SiteDetailDto'> }) {
  const { t } = useTranslation('sites');
  const navigate = useNavigate();
  const { data: session } = useSession();
  const [domain, setDomain] = useState('');
  const [keep, setKeep] = useState(false);
  const [asked] = useDebouncedValue(domain.trim(), PAUSE);
  const outlook = useQuery({
    queryKey: ['site', site.name, 'domain', asked],
    enabled: asked !== '',
    retry: false,
    queryFn: ({ signal }) =>
      ask(
        api.GET('/api/v1/sites/{name}/domain', {
          params: { path: { name: site.name }, query: { domain: asked } },
          signal,
        }),
      ),
  });
  const plan = useMutation({
    mutationFn: (to: string) =>
      ask(
        api.POST('/api/v1/sites/{name}/domain', {
          params: { path: { name: site.name } },
          body: { domain: to, rewrite: !keep },
        }),
      ),
    onSuccess: (made) => void navigate(paths.plan(made.id)),
  });
  const allowed = may(session?.account, 'admin', site.name);
  const known = asked === domain.trim() && asked !== '';
  const fault = known && outlook.error ? toProblem(outlook.error).message : undefined;
  const seen = known ? outlook.data : undefined;
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (seen && allowed) plan.mutate(asked);
  };
  return (
    <Section title={t('domain.title')}>
      <Text size="sm" c="dimmed">
        {t('domain.about', { domain: site.domain })}
      </Text>
      {site.leaving ? (
        <Alert color="orange" title={t('domain.unfinished', { domain: site.leaving })}>
          <Stack gap="xs">
            <Text size="sm">{t('domain.unfinishedText', { domain: site.leaving })}</Text>
            <Group>
              <Button size="xs" disabled={!allowed} loading={plan.isPending} onClick={() => plan.mutate(site.domain)}>
                {t('domain.finish')}
              </Button>
              <Button
                size="xs"
                variant="default"
                disabled={!allowed}
                loading={plan.isPending}
                onClick={() => plan.mutate(site.leaving ?? '')}
              >
                {t('domain.turnBack', { domain: site.leaving })}
              </Button>
            </Group>
          </Stack>
        </Alert>
      ) : null}
      <form onSubmit={submit}>
        <Stack maw={620} gap="sm">
          <TextInput
            label={t('domain.new')}
            placeholder="town.example"
            autoComplete="off"
            spellCheck={false}
            value={domain}
            disabled={!allowed}
            error={fault ? <Said>{fault}</Said> : undefined}
            onChange={(event) => setDomain(event.currentTarget.value)}
          />
          <div aria-live="polite">
            {seen ? (
              <Text size="sm">
                {t('domain.touches', { count: seen.stacks.length, stacks: seen.stacks.join(', ') })}
              </Text>
            ) : null}
          </div>
          {seen && seen.values.length > 0 ? (
            <Alert color="blue" title={t('domain.byHand')}>
              <List size="sm">
                {seen.values.map((value) => (
                  <List.Item key={value.subject}>
                    <ForeignText>{value.subject}</ForeignText>: <ForeignText>{value.before}</ForeignText> →{' '}
                    <ForeignText>{value.after}</ForeignText>
                  </List.Item>
                ))}
              </List>
              <Checkbox
                mt="sm"
                label={t('domain.rewrite')}
                checked={!keep}
                onChange={(event) => setKeep(!event.currentTarget.checked)}
              />
            </Alert>
          ) : null}
          {plan.error ? <ProblemCard problem={toProblem(plan.error)} /> : null}
          <Group>
            <Button type="submit" disabled={!allowed || !seen} loading={plan.isPending}>
              {t('domain.plan')}
            </Button>
          </Group>
          {allowed ? null : <Text size="xs">{t('needsAdmin')}</Text>}
        </Stack>
      </form>
    </Section>
  );
}
