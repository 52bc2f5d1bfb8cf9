import { Button, Fieldset, Group, Select, Stack, Switch, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { api, ask } from '../../api/client.js';
import { toProblem } from '../../api/problem.js';
import { may, useSession } from '../../api/session.js';
import type { Dto } from '../../api/types.js';
import { paths } from '../../app/paths.js';
import { Answer } from '../../components/answer.js';
import { cleanText } from '../../components/clean-text.js';
import { ProblemCard } from '../../components/problem-card.js';
import { saidOfFields } from '../../components/said.js';
import type { FieldSchema } from '../../components/schema-check.js';
import { SchemaFields } from '../../components/schema-fields.js';
import { Section } from '../../components/section.js';
import { usePlan } from '../install/plan-request.js';
import { stackKey } from './use-stack.js';

type Values = Record<string, unknown>;

/** What may be changed of a stack, as forms from their schemas. A change becomes a plan first. */
export function Configuration({ seen }: { seen: Dto<'StackDetailDto'> }) {
  const configuration = useQuery({
    queryKey: [...stackKey(seen.stack.id), 'configuration'],
    queryFn: ({ signal }) =>
      ask(api.GET('/api/v1/stacks/{id}/configuration', { params: { path: { id: seen.stack.id } }, signal })),
  });
  return <Answer of={configuration}>{(data) => <Form data={data} />}</Answer>;
}

function Form({ data }: { data: Dto<'StackConfigurationDto'> }) {
  const { t } = useTranslation('stacks');
  const { data: session } = useSession();
  const plan = usePlan();
  const [parameters, setParameters] = useState<Values>({});
  const [components, setComponents] = useState<Record<string, boolean>>({});
  const [size, setSize] = useState<string>();
  const [config, setConfig] = useState<Record<string, Values>>({});
  const allowed = may(session?.account, 'operator', data.site);
  const changed =
    Object.keys(parameters).length > 0 ||
    Object.keys(components).length > 0 ||
    size !== undefined ||
    Object.values(config).some((values) => Object.keys(values).length > 0);
  const problem = plan.error ? toProblem(plan.error) : undefined;
  const fields = (all: readonly Dto<'FieldDto'>[]) =>
    all.map(({ name, schema }) => ({ name, schema: schema as FieldSchema }));
  const now = (all: readonly Dto<'FieldDto'>[], values: Values): Values => ({
    ...Object.fromEntries(all.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]]))),
    ...values,
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        plan.mutate({
          site: data.site,
          stack: data.stack,
          ...(Object.keys(parameters).length > 0 ? { parameters } : {}),
          ...(Object.keys(components).length > 0 ? { components } : {}),
          ...(size === undefined ? {} : { size }),
          ...(Object.keys(config).length > 0 ? { config } : {}),
        });
      }}
    >
      <Stack gap="lg" maw={620}>
        <Text c="dimmed" size="sm">
          {t('config.about')}
        </Text>
        <Text size="sm">
          <Link to={paths.site(data.site)}>{t('config.domain')}</Link>
        </Text>
        {data.components.length > 0 ? (
          <Section title={t('config.components')}>
            {data.components.map((component) => (
              <Switch
                key={component.name}
                label={cleanText(component.title)}
                checked={components[component.name] ?? component.value}
                onChange={(event) => {
                  const { checked } = event.currentTarget;
                  setComponents((before) => ({ ...before, [component.name]: checked }));
                }}
              />
            ))}
          </Section>
        ) : null}
        {data.size.choices.length > 1 ? (
          <Select
            label={t('config.size')}
            data={data.size.choices}
            value={size ?? data.size.value}
            allowDeselect={false}
            onChange={(chosen) => setSize(chosen ?? undefined)}
          />
        ) : null}
        {data.parameters.length > 0 ? (
          <Section title={t('config.parameters')}>
            <SchemaFields
              fields={fields(data.parameters)}
              values={now(data.parameters, parameters)}
              errors={saidOfFields(problem)}
              onChange={(name, value) => setParameters((before) => ({ ...before, [name]: value }))}
            />
          </Section>
        ) : null}
        {data.instances
          .filter((instance) => instance.fields.length > 0)
          .map((instance) => (
            <Fieldset key={instance.instance} legend={instance.instance}>
              <Stack gap="sm">
                <SchemaFields
                  fields={fields(instance.fields)}
                  values={now(instance.fields, config[instance.instance] ?? {})}
                  onChange={(name, value) =>
                    setConfig((before) => ({
                      ...before,
                      [instance.instance]: { ...before[instance.instance], [name]: value },
                    }))
                  }
                />
              </Stack>
            </Fieldset>
          ))}
        {problem ? <ProblemCard problem={problem} /> : null}
        <Group>
          <Button type="submit" disabled={!changed || !allowed} loading={plan.isPending}>
            {t('config.plan')}
          </Button>
          <Text size="xs" c="dimmed">
            {allowed ? (changed ? '' : t('config.unchanged')) : t('needsOperator')}
          </Text>
        </Group>
      </Stack>
    </form>
  );
}
