import { Anchor, Group, Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useParams } from 'react-router';
import { Problem } from '../../api/problem.js';
import type { Dto } from '../../api/types.js';
import { paths } from '../../app/paths.js';
import { Answer } from '../../components/answer.js';
import cards from '../../components/cards.module.css';
import { ForeignText } from '../../components/foreign-text.js';
import { formatBytes } from '../../components/formats.js';
import { ModuleIcon } from '../../components/module-icon.js';
import { Page as Frame } from '../../components/page.js';
import { PagePlaceholder } from '../../components/placeholder.js';
import { ProblemCard } from '../../components/problem-card.js';
import { catalogueQuery } from './catalogue-query.js';
import { byName } from './modules.js';
import { NeedsLine } from './needs-line.js';

/** A module: versions, licence, origin, what it takes, what it gives and needs. */
export function Page() {
  const { t } = useTranslation('catalogue');
  const { name = '' } = useParams();
  return (
    <Answer of={useQuery(catalogueQuery)} placeholder={<PagePlaceholder />}>
      {(data) => {
        const found = byName(data.modules).find(({ newest }) => newest.name === name);
        const users = data.blueprints.filter((one) => one.modules.includes(name));
        if (found) return <Module of={found.newest} versions={found.versions} users={users} />;
        const problem = new Problem({
          status: 0,
          code: 'catalogue.unknown',
          subject: name,
          message: t('unknownModule'),
        });
        return <ProblemCard problem={problem} />;
      }}
    </Answer>
  );
}

function Module({
  of,
  versions,
  users,
}: {
  of: Dto<'CatalogueModuleDto'>;
  versions: readonly Dto<'CatalogueModuleDto'>[];
  users: readonly Dto<'CatalogueBlueprintDto'>[];
}) {
  const { t } = useTranslation('catalogue');
  const rows: [string, ReactNode][] = [
    [
      t('versions'),
      <ForeignText key="versions">
        {versions.map((one) => t('versionLine', { version: one.version, app: one.appVersion })).join(', ')}
      </ForeignText>,
    ],
    [t('licence'), <ForeignText key="licence">{of.licence}</ForeignText>],
    [t('category'), t(`categories.${of.category}`, { defaultValue: of.category })],
    [
      t('grade'),
      <div key="grade">
        <Text size="sm">{t('notGraded')}</Text>
        <Text size="xs" c="dimmed">
          {t('notGradedAbout')}
        </Text>
      </div>,
    ],
    [t('tier'), t(`tiers.${of.tier}`)],
    [
      t('origin'),
      of.origin ? (
        <ForeignText key="origin">
          {[of.origin.upstream, of.origin.jurisdiction, of.origin.governance].filter(Boolean).join(' · ')}
        </ForeignText>
      ) : (
        '–'
      ),
    ],
    [
      t('takes'),
      <span key="needs">
        <NeedsLine of={of.needs} />
        {of.needs.artifactMiB > 0 ? ` · ${t('fetches', { size: formatBytes(of.needs.artifactMiB * 2 ** 20) })}` : ''}
      </span>,
    ],
    [t('provides'), of.provides.join(', ') || '–'],
    [t('requires'), of.requires.join(', ') || '–'],
    ...(users.length > 0
      ? [
          [
            t('usedIn'),
            <Group key="users" gap="sm">
              {users.map((one) => (
                <Anchor key={one.name} component={Link} to={paths.blueprint(one.name)} size="sm">
                  <ForeignText>{one.title}</ForeignText>
                </Anchor>
              ))}
            </Group>,
          ] as [string, ReactNode],
        ]
      : []),
    ...Object.entries(of.links)
      .filter((entry): entry is [string, string] => typeof entry[1] === 'string' && /^https?:/.test(entry[1]))
      .map(([kind, url]): [string, ReactNode] => [
        t(`links.${kind}`, { defaultValue: kind }),
        <Anchor key={kind} href={url} target="_blank" rel="noreferrer" size="sm" style={{ overflowWrap: 'anywhere' }}>
          {url}
        </Anchor>,
      ]),
  ];
  return (
    <Frame
      title={of.title}
      about={<ForeignText>{of.summary}</ForeignText>}
      picture={<ModuleIcon name={of.name} icon={of.icon} size={48} />}
    >
      <Table className="surface">
        <Table.Tbody>
          {rows.map(([title, value]) => (
            <Table.Tr key={title}>
              <Table.Th scope="row" className={cards['word'] ?? ''}>
                {title}
              </Table.Th>
              <Table.Td style={{ overflowWrap: 'anywhere' }}>{value}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Frame>
  );
}
