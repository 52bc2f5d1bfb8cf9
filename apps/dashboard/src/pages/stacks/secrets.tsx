import { Button, Code, Table, Text } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.js';
import { toProblem } from '../../api/problem.js';
import type { Dto } from '../../api/types.js';
import { Answer } from '../../components/answer.js';
import { ListTable } from '../../components/list-table.js';
import { ProblemCard } from '../../components/problem-card.js';
import { Section } from '../../components/section.js';
import { usePlan } from '../install/plan-request.js';
import { stackKey } from './use-stack.js';

/** Which secrets there are. Revealing one goes into the audit; it is gone from the screen when one leaves it. */
export function Secrets({ seen }: { seen: Dto<'StackDetailDto'> }) {
  const { t } = useTranslation('stacks');
  const { id, name: stack, site, state } = seen.stack;
  const plan = usePlan();
  const secrets = useQuery({
    queryKey: [...stackKey(id), 'secrets'],
    queryFn: ({ signal }) => ask(api.GET('/api/v1/stacks/{id}/secrets', { params: { path: { id } }, signal })),
  });
  return (
    <Section title={t('secrets.title')}>
      <Text size="sm" c="dimmed">
        {t('secrets.about')} {t('secrets.rotateAbout')}
      </Text>
      {plan.error ? <ProblemCard problem={toProblem(plan.error)} /> : null}
      <Answer of={secrets}>
        {(all) =>
          all.length === 0 ? (
            <Text c="dimmed">{t('secrets.none')}</Text>
          ) : (
            <ListTable
              label={t('secrets.title')}
              heads={[t('instance'), t('secrets.name'), t('secrets.value'), t('change.action')]}
              maw={900}
            >
              <Table.Tbody>
                {all.map((secret) => (
                  <Table.Tr key={`${secret.instance} ${secret.name}`}>
                    <Table.Td>{secret.instance}</Table.Td>
                    <Table.Td>{secret.name}</Table.Td>
                    <Table.Td>
                      {secret.interface ? (
                        <Text size="sm" c="dimmed">
                          {t('secrets.shared', { interface: secret.interface })}
                        </Text>
                      ) : (
                        <Value id={id} secret={secret} />
                      )}
                    </Table.Td>
                    <Table.Td>
                      <Button
                        size="compact-xs"
                        variant="default"
                        disabled={state === 'removed'}
                        loading={plan.isPending && plan.variables.rotate?.[0] === `${secret.instance}.${secret.name}`}
                        onClick={() => plan.mutate({ site, stack, rotate: [`${secret.instance}.${secret.name}`] })}
                      >
                        {t('secrets.rotate')}
                        <span className="visually-hidden">
                          {' '}
                          {secret.instance} {secret.name}
                        </span>
                      </Button>
                    </Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </ListTable>
          )
        }
      </Answer>
    </Section>
  );
}

function Value({ id, secret }: { id: string; secret: Dto<'SecretNameDto'> }) {
  const { t } = useTranslation('stacks');
  const { instance, name } = secret;
  const reveal = useMutation({
    gcTime: 0,
    mutationFn: () =>
      ask(
        api.POST('/api/v1/stacks/{id}/secrets/{instance}/{name}/reveal', { params: { path: { id, instance, name } } }),
      ),
  });
  if (reveal.data) return <Code>{reveal.data.value}</Code>;
  return (
    <>
      <Button size="compact-xs" variant="default" loading={reveal.isPending} onClick={() => reveal.mutate()}>
        {t('secrets.reveal')}
        <span className="visually-hidden">
          {' '}
          {instance} {name}
        </span>
      </Button>
      {reveal.error ? <ProblemCard problem={toProblem(reveal.error)} /> : null}
    </>
  );
}
