import { Button, Checkbox, Group, Radio, Select, Stack, Text, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { TFunction } from 'i18next';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useParams } from 'react-router';
import { api, ask } from '../../api/client.js';
import { toProblem } from '../../api/problem.js';
import { may, useSession } from '../../api/session.js';
import type { Dto } from '../../api/types.js';
import { paths } from '../../app/paths.js';
import { Answer } from '../../components/answer.js';
import cards from '../../components/cards.module.css';
import { cleanText } from '../../components/clean-text.js';
import { EmptyState } from '../../components/empty-state.js';
import { Page as Frame } from '../../components/page.js';
import { ProblemCard } from '../../components/problem-card.js';
import { saidOfFields } from '../../components/said.js';
import { type FieldSchema, faultOf } from '../../components/schema-check.js';
import { SchemaFields } from '../../components/schema-fields.js';
import { Section } from '../../components/section.js';
import { blueprintQuery } from '../catalogue/catalogue-query.js';
import { NeedsLine } from '../catalogue/needs-line.js';
import { usePlan } from './plan-request.js';
import { Room } from './room.js';

/** Asked at most; what has a default beyond that waits behind a line. */
const QUESTIONS = 3;

interface Choice {
  title?: string;
  default?: boolean;
}

/** The few questions before a plan. */
export function Page() {
  const { t } = useTranslation('install');
  const { name = '' } = useParams();
  const blueprint = useQuery(blueprintQuery(name));
  const sites = useQuery({ queryKey: ['sites'], queryFn: ({ signal }) => ask(api.GET('/api/v1/sites', { signal })) });
  return (
    <Answer of={blueprint}>
      {(chosen) => (
        <Answer of={sites}>
          {(places) =>
            places.length === 0 ? (
              <EmptyState
                title={t('noSite')}
                text={t('noSiteText')}
                action={
                  <Button component={Link} to={paths.connectSite()}>
                    {t('connect')}
                  </Button>
                }
              />
            ) : (
              <Questions key={chosen.name} blueprint={chosen} sites={places} />
            )
          }
        </Answer>
      )}
    </Answer>
  );
}

function Questions({ blueprint, sites }: { blueprint: Dto<'BlueprintDetailDto'>; sites: readonly Dto<'SiteDto'>[] }) {
  const { t } = useTranslation('install');
  const account = useSession().data?.account;
  const [site, setSite] = useState(sites[0]?.name ?? '');
  const [stack, setStack] = useState(blueprint.name);
  const [size, setSize] = useState(blueprint.sizes[0] ?? 'small');
  const [values, setValues] = useState<Record<string, unknown>>({});
  const components = Object.entries(blueprint.components as Record<string, Choice>);
  const [on, setOn] = useState(() => Object.fromEntries(components.map(([key, one]) => [key, one.default !== false])));
  const plan = usePlan();
  const fields = Object.entries(blueprint.parameters as Record<string, FieldSchema>).map(([name, schema]) => ({
    name,
    schema,
  }));
  const faulty = fields.some(({ name, schema }) => faultOf(schema, values[name]));
  const stacks = useQuery({
    queryKey: ['stacks', site],
    queryFn: ({ signal }) => ask(api.GET('/api/v1/stacks', { params: { query: { site } }, signal })),
  });
  const nameFault = !/^[a-z][a-z0-9-]{1,38}$/.test(stack);
  // Under the name of another stack it would change that one instead.
  const taken = stacks.data?.some((one) => one.name === stack && one.state !== 'removed') ?? false;
  const place = sites.find((one) => one.name === site);
  const allowed = may(account, 'operator', site);
  const needs = blueprint.needs[size];
  const problem = plan.error ? toProblem(plan.error) : undefined;
  const asked = [...fields]
    .sort((a, b) => Number('default' in a.schema) - Number('default' in b.schema))
    .slice(0, QUESTIONS);
  const more = fields.filter((field) => !asked.includes(field));
  const form = {
    values,
    ...(problem ? { errors: saidOfFields(problem) } : {}),
    notes: Object.fromEntries(fields.flatMap(({ name, schema }) => noteOf(t, name, schema, values[name], place))),
    site: place,
    onChange: (name: string, value: unknown) => setValues((before) => ({ ...before, [name]: value })),
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (faulty || nameFault || taken) return;
    plan.mutate({
      site,
      stack,
      blueprint: blueprint.name,
      size,
      parameters: Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined && value !== '')),
      components: on,
    });
  };
  return (
    <Frame title={t('title', { blueprint: cleanText(blueprint.title) })} about={t('about')}>
      <form onSubmit={submit}>
        <Stack gap="xl" className={cards['form']}>
          {fields.length > 0 ? (
            <Section title={t('questions')}>
              <SchemaFields {...form} fields={asked} />
              {more.length > 0 ? (
                <details>
                  <summary>{t('optional')}</summary>
                  <Stack mt="sm">
                    <SchemaFields {...form} fields={more} />
                  </Stack>
                </details>
              ) : null}
            </Section>
          ) : null}
          {components.length > 0 ? (
            <Section title={t('components')}>
              {components.map(([key, one]) => (
                <Checkbox
                  key={key}
                  label={cleanText(one.title ?? key)}
                  checked={on[key] ?? false}
                  onChange={(event) => {
                    const { checked } = event.currentTarget;
                    setOn((before) => ({ ...before, [key]: checked }));
                  }}
                />
              ))}
            </Section>
          ) : null}
          <Section title={t('where')}>
            {sites.length > 1 ? (
              <Select
                label={t('site')}
                data={sites.map((one) => one.name)}
                value={site}
                allowDeselect={false}
                onChange={(value) => setSite(value ?? site)}
              />
            ) : null}
            <TextInput
              label={t('name')}
              description={t('nameAbout')}
              required
              value={stack}
              error={nameFault ? t('nameWrong') : taken ? t('check.nameTaken', { site }) : undefined}
              onChange={(event) => setStack(event.currentTarget.value)}
            />
            <Radio.Group label={t('size')} value={size} onChange={setSize}>
              <Group mt="xs">
                {blueprint.sizes.map((one) => (
                  <Radio key={one} value={one} label={t(`sizes.${one}`, { defaultValue: one })} />
                ))}
              </Group>
            </Radio.Group>
            {needs ? (
              <>
                <Text size="sm" c="dimmed" aria-live="polite">
                  <NeedsLine of={needs} />
                </Text>
                {needs.guests > 0 ? <Room site={site} needs={needs} /> : null}
              </>
            ) : null}
          </Section>
          {problem ? <ProblemCard problem={problem} /> : null}
          {allowed ? null : (
            <Text size="sm" c="dimmed">
              {t('notAllowed')}
            </Text>
          )}
          <Group>
            <Button type="submit" loading={plan.isPending} disabled={faulty || nameFault || taken || !allowed}>
              {t('plan')}
            </Button>
          </Group>
        </Stack>
      </form>
    </Frame>
  );
}

/** What an answer means here, before anything is planned: nothing wrong, but worth knowing. */
function noteOf(
  t: TFunction<'install'>,
  name: string,
  schema: FieldSchema,
  value: unknown,
  site: Dto<'SiteDto'> | undefined,
): [string, string][] {
  if (!site || typeof value !== 'string' || value === '' || faultOf(schema, value)) return [];
  const domain = value.slice(value.lastIndexOf('@') + 1).toLowerCase();
  if (domain === site.domain || domain.endsWith(`.${site.domain}`)) return [];
  if (schema.format === 'hostname') return [[name, t('check.domainOutside', { domain: site.domain })]];
  return schema.format === 'email' ? [[name, t('check.mailOutside', { domain: site.domain })]] : [];
}
