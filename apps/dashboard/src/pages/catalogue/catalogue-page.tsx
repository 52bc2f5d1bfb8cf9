import { Alert, Badge, Group, SegmentedControl, Select, Stack, Text, TextInput, Title } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconSearch } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useSearchParams } from 'react-router';
import type { Dto } from '../../api/types.js';
import { paths } from '../../app/paths.js';
import { Answer } from '../../components/answer.js';
import cards from '../../components/cards.module.css';
import { cleanText } from '../../components/clean-text.js';
import { EmptyState } from '../../components/empty-state.js';
import { ForeignText } from '../../components/foreign-text.js';
import { ModuleIcon } from '../../components/module-icon.js';
import { Page as Frame } from '../../components/page.js';
import { CardsShape, Placeholder, SectionShape } from '../../components/placeholder.js';
import { Said } from '../../components/said.js';
import { Section } from '../../components/section.js';
import { catalogueQuery } from './catalogue-query.js';
import { byName, picturesOf } from './modules.js';
import { NeedsLine } from './needs-line.js';

const KINDS = ['all', 'blueprints', 'modules'] as const;

/** Whether each word of a search is somewhere in the texts, in any order and case. */
const fits = (search: string, texts: readonly (string | undefined)[]): boolean => {
  const all = texts.join(' ').toLocaleLowerCase();
  return search
    .toLocaleLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word));
};

/** What can be installed. Search and kind stand in the address, so that a view can be shared. */
export function Page() {
  const { t } = useTranslation('catalogue');
  const [asked, setAsked] = useSearchParams();
  const search = asked.get('search') ?? '';
  const [settled] = useDebouncedValue(search, 100);
  const kind = KINDS.find((one) => one === asked.get('kind')) ?? 'all';
  const catalogue = useQuery(catalogueQuery);
  const modules = catalogue.data?.modules ?? [];
  const categories = [...new Set(modules.map((one) => one.category))].map((value) => ({
    value,
    label: t(`categories.${value}`, { defaultValue: value }),
  }));
  const licences = [...new Set(modules.map((one) => one.licence))].map((value) => ({ value, label: value }));
  const put = (key: string, value: string): void =>
    setAsked(
      (before) => {
        if (value && value !== 'all') before.set(key, value);
        else before.delete(key);
        return before;
      },
      { replace: true },
    );
  return (
    <Frame title={t('title')} about={t('about')}>
      <Group>
        <TextInput
          flex="1 1 14rem"
          aria-label={t('search')}
          placeholder={t('search')}
          leftSection={<IconSearch size={16} aria-hidden />}
          value={search}
          onChange={(event) => put('search', event.currentTarget.value)}
        />
        <SegmentedControl
          aria-label={t('kind')}
          data={KINDS.map((value) => ({ value, label: t(`kinds.${value}`) }))}
          value={kind}
          onChange={(value) => put('kind', value)}
        />
        {kind === 'blueprints' ? null : (
          <>
            <Choice name="category" all={t('allCategories')} of={categories} asked={asked} put={put} />
            <Choice name="licence" all={t('allLicences')} of={licences} asked={asked} put={put} />
          </>
        )}
      </Group>
      <Answer
        of={catalogue}
        placeholder={
          <Placeholder>
            <SectionShape>
              <CardsShape count={3} lines={3} />
            </SectionShape>
            <SectionShape>
              <CardsShape count={6} lines={4} />
            </SectionShape>
          </Placeholder>
        }
      >
        {(data) => (
          <Found
            data={data}
            kind={kind}
            search={settled.trim()}
            category={asked.get('category') ?? ''}
            licence={asked.get('licence') ?? ''}
          />
        )}
      </Answer>
    </Frame>
  );
}

/** A filter of modules; it stands in the address too. */
function Choice({
  name,
  all,
  of,
  asked,
  put,
}: {
  name: string;
  all: string;
  of: readonly { value: string; label: string }[];
  asked: URLSearchParams;
  put: (key: string, value: string) => void;
}) {
  return (
    <Select
      aria-label={all}
      placeholder={all}
      data={[...of].sort((a, b) => a.label.localeCompare(b.label))}
      value={asked.get(name)}
      onChange={(value) => put(name, value ?? '')}
      clearable
      w={190}
    />
  );
}

function Found({
  data,
  kind,
  search,
  category,
  licence,
}: {
  data: Dto<'CatalogueDto'>;
  kind: (typeof KINDS)[number];
  search: string;
  category: string;
  licence: string;
}) {
  const { t } = useTranslation('catalogue');
  const blueprints =
    kind === 'modules' || category || licence
      ? []
      : data.blueprints.filter((one) => fits(search, [one.name, one.title, one.summary, one.audience, ...one.modules]));
  const modules =
    kind === 'blueprints'
      ? []
      : byName(data.modules)
          .map(({ newest }) => newest)
          .filter(
            (one) =>
              (!category || one.category === category) &&
              (!licence || one.licence === licence) &&
              fits(search, [
                ...[one.name, one.title, one.summary, one.category, t(`categories.${one.category}`), one.licence],
                ...[one.origin?.upstream, one.origin?.jurisdiction, ...one.provides],
              ]),
          );
  return (
    <>
      {data.diagnostics.some((finding) => finding.severity === 'error') ? (
        <Alert color="orange" title={t('leftOut')}>
          <Stack gap={4} component="ul" m={0} pl="md">
            {data.diagnostics.map((finding) => (
              <li key={`${finding.code} ${finding.subject} ${finding.message}`}>
                <ForeignText>{finding.subject}</ForeignText>: <Said>{finding.message}</Said>
              </li>
            ))}
          </Stack>
        </Alert>
      ) : null}
      {blueprints.length + modules.length === 0 ? (
        <EmptyState title={t('nothing.title')} text={t('nothing.text')} />
      ) : null}
      {blueprints.length > 0 ? (
        <Section title={t('kinds.blueprints')}>
          <ul className={cards['grid']}>
            {blueprints.map((one) => (
              <Card
                key={one.name}
                of={one}
                to={paths.blueprint(one.name)}
                picture={
                  <span className={cards['pictures']}>
                    {picturesOf(one, data).map((part) => (
                      <ModuleIcon key={part.name} name={part.name} icon={part.icon} size={28} />
                    ))}
                  </span>
                }
              >
                <Text size="xs" c="dimmed" mt="auto">
                  <ForeignText>{[one.audience, one.version].filter(Boolean).join(' · ')}</ForeignText>
                </Text>
              </Card>
            ))}
          </ul>
        </Section>
      ) : null}
      {modules.length > 0 ? (
        <Section title={t('kinds.modules')}>
          <ul className={cards['grid']}>
            {modules.map((one) => (
              <Card
                key={one.name}
                of={one}
                to={paths.module(one.name)}
                picture={<ModuleIcon name={one.name} icon={one.icon} />}
              >
                <Group gap="xs" mt="auto">
                  <Badge variant="light" color="bastide" tt="none" radius="sm">
                    {t(`categories.${one.category}`, { defaultValue: one.category })}
                  </Badge>
                  <Badge variant="default" tt="none" radius="sm">
                    <bdi>{cleanText(one.licence.slice(0, 24))}</bdi>
                  </Badge>
                  <Badge variant="default" tt="none" radius="sm">
                    <bdi>{cleanText(one.appVersion.slice(0, 24))}</bdi>
                  </Badge>
                </Group>
                <Text size="xs" c="dimmed">
                  <NeedsLine of={one.needs} />
                </Text>
              </Card>
            ))}
          </ul>
        </Section>
      ) : null}
    </>
  );
}

/** Something of the catalogue: its picture, what it is called, what it is for, and what else there is to know at a glance. */
function Card({
  of,
  to,
  picture,
  children,
}: {
  of: { title: string; summary: string };
  to: string;
  picture: ReactNode;
  children: ReactNode;
}) {
  return (
    <li>
      <Link to={to} className={`surface ${cards['card']}`}>
        <Group gap="sm" wrap="nowrap">
          {picture}
          <Title order={3} size="h5">
            <ForeignText>{of.title}</ForeignText>
          </Title>
        </Group>
        <Text size="sm">
          <ForeignText>{of.summary}</ForeignText>
        </Text>
        {children}
      </Link>
    </li>
  );
}
