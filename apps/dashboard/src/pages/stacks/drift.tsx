import { Alert, Button, Group, Modal, Stack, Text, Textarea } from '@mantine/core';
import { IconHandStop } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.js';
import { newestError } from '../../api/newest-error.js';
import { toProblem } from '../../api/problem.js';
import type { Dto } from '../../api/types.js';
import { ForeignText } from '../../components/foreign-text.js';
import { formatTime } from '../../components/formats.js';
import { ProblemCard } from '../../components/problem-card.js';
import { usePlan } from '../install/plan-request.js';
import { stackKey } from './use-stack.js';

interface Difference {
  readonly guest: string;
  readonly drift: Dto<'DriftDto'>;
}
const keyOf = ({ guest, drift }: Difference): string => `${guest}.${drift.field}`;

/** What was changed by hand, each with its answers: adopt, put back (a plan), ignore with a reason. */
export function DriftPanel({
  stack,
  guests,
  allowed,
}: {
  stack: Dto<'StackDto'>;
  guests: readonly Dto<'LiveGuestDto'>[];
  allowed: boolean;
}) {
  const { t } = useTranslation('stacks');
  const all = guests.flatMap((guest) =>
    guest.drift.map((drift): Difference => ({ guest: `${guest.instance}.${guest.guest}`, drift })),
  );
  const open = all.filter(({ drift }) => !drift.ignored);
  const ignored = all.filter(({ drift }) => drift.ignored);
  return (
    <>
      {open.length > 0 ? (
        <Alert color="orange" icon={<IconHandStop />} title={t('drift.title')} data-drift>
          <Stack gap="md">
            <Text size="sm">{t('drift.about')}</Text>
            {open.map((one) => (
              <Open key={keyOf(one)} of={one} stack={stack} allowed={allowed} />
            ))}
            {allowed ? null : <Text size="sm">{t('needsOperator')}</Text>}
          </Stack>
        </Alert>
      ) : null}
      {ignored.length > 0 ? (
        <Alert color="gray" title={t('drift.ignoredTitle', { count: ignored.length })} data-drift-ignored>
          <Stack gap="md">
            {ignored.map((one) => (
              <Ignored key={keyOf(one)} of={one} stack={stack} allowed={allowed} />
            ))}
          </Stack>
        </Alert>
      ) : null}
    </>
  );
}

function Sentence({ of: { guest, drift } }: { of: Difference }) {
  const { t } = useTranslation('stacks');
  const value = (of: string | number): string =>
    typeof of === 'number' ? String(of) : t(`drift.value.${of}`, { defaultValue: of });
  const text =
    drift.kind === 'missing' || drift.kind === 'stopped'
      ? t(`drift.${drift.kind}`, { guest })
      : t('drift.other', {
          guest,
          field: t(`drift.field.${drift.field}`),
          recorded: value(drift.recorded),
          observed: value(drift.observed),
        });
  return (
    <Text size="sm" fw={600} component="div">
      <ForeignText>{text}</ForeignText>
    </Text>
  );
}

function useAnswer(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (act: () => Promise<unknown>) => act(),
    onSettled: () => client.invalidateQueries({ queryKey: stackKey(id) }),
  });
}

function Open({ of, stack, allowed }: { of: Difference; stack: Dto<'StackDto'>; allowed: boolean }) {
  const { t } = useTranslation('stacks');
  const [asking, setAsking] = useState(false);
  const plan = usePlan();
  const answer = useAnswer(stack.id);
  const { guest, drift } = of;
  const path = { params: { path: { id: stack.id } } };
  const seen = { guest, field: drift.field, observed: drift.observed };
  const problem = newestError(plan, answer);
  const reasons = [...new Set([drift.without.adopt, drift.without.restore])].filter((why) => why !== undefined);
  const about = <span className="visually-hidden"> {keyOf(of)}</span>;
  return (
    <Stack gap={6}>
      <Sentence of={of} />
      <Group gap="xs">
        <Button
          size="compact-sm"
          variant="default"
          disabled={!allowed || drift.without.adopt !== undefined}
          loading={answer.isPending}
          onClick={() => answer.mutate(() => ask(api.POST('/api/v1/stacks/{id}/drift/adopt', { ...path, body: seen })))}
        >
          {t('drift.adopt')}
          {about}
        </Button>
        <Button
          size="compact-sm"
          variant="default"
          disabled={!allowed || drift.without.restore !== undefined}
          loading={plan.isPending}
          onClick={() => plan.mutate({ site: stack.site, stack: stack.name, restore: [keyOf(of)] })}
        >
          {t('drift.restore')}
          {about}
        </Button>
        <Button size="compact-sm" variant="default" disabled={!allowed} onClick={() => setAsking(true)}>
          {t('drift.ignore')}
          {about}
        </Button>
      </Group>
      {reasons.map((why) => (
        <Text size="xs" key={why}>
          {t(`drift.why.${why}`, { defaultValue: why })}
        </Text>
      ))}
      {problem ? <ProblemCard problem={toProblem(problem)} /> : null}
      <Modal opened={asking} onClose={() => setAsking(false)} title={t('drift.ignoreTitle')}>
        <Because
          of={of}
          busy={answer.isPending}
          onReason={(reason) => {
            setAsking(false);
            answer.mutate(() =>
              ask(api.POST('/api/v1/stacks/{id}/drift/ignore', { ...path, body: { ...seen, reason } })),
            );
          }}
        />
      </Modal>
    </Stack>
  );
}

function Because({ of, busy, onReason }: { of: Difference; busy: boolean; onReason: (reason: string) => void }) {
  const { t } = useTranslation('stacks');
  const [reason, setReason] = useState('');
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    onReason(reason.trim());
  };
  return (
    <form onSubmit={submit}>
      <Stack>
        <Sentence of={of} />
        <Text size="sm">{t('drift.ignoreAbout')}</Text>
        <Textarea
          label={t('drift.reason')}
          description={t('drift.reasonAbout')}
          required
          maxLength={500}
          data-autofocus
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
        />
        <Button type="submit" disabled={reason.trim().length < 3} loading={busy}>
          {t('drift.save')}
        </Button>
      </Stack>
    </form>
  );
}

function Ignored({ of, stack, allowed }: { of: Difference; stack: Dto<'StackDto'>; allowed: boolean }) {
  const { t } = useTranslation('stacks');
  const answer = useAnswer(stack.id);
  const { ignored, field } = of.drift;
  const body = { guest: of.guest, field };
  return (
    <Group justify="space-between" gap="sm">
      <Stack gap={2} miw={0} flex="1 1 16rem">
        <Sentence of={of} />
        {ignored ? (
          <Text size="sm" component="div">
            <ForeignText>
              {t('drift.ignoredLine', { reason: ignored.reason, by: ignored.by, at: formatTime(ignored.at) })}
            </ForeignText>
          </Text>
        ) : null}
        {answer.error ? <ProblemCard problem={toProblem(answer.error)} /> : null}
      </Stack>
      <Button
        size="compact-sm"
        variant="default"
        disabled={!allowed}
        loading={answer.isPending}
        onClick={() =>
          answer.mutate(() =>
            ask(api.POST('/api/v1/stacks/{id}/drift/withdraw', { params: { path: { id: stack.id } }, body })),
          )
        }
      >
        {t('drift.withdraw')}
        <span className="visually-hidden"> {keyOf(of)}</span>
      </Button>
    </Group>
  );
}
