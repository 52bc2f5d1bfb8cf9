import { Anchor, Table } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { useParams } from 'react-router';
import { Problem } from '../../api/problem.js';
import type { Dto } from '../../api/types.js';
import { Answer } from '../../components/answer.js';
import { ForeignText } from '../../components/foreign-text.js';
import { Page as Frame } from '../../components/page.js';
import { ProblemCard } from '../../components/problem-card.js';
import { catalogueQuery } from './catalogue-query.js';
import { NeedsLine } from './needs-line.js';

/** A module: versions, licence, origin, what it takes, what it gives and needs. */
export function Page() {
  const { t } = useTranslation('catalogue');
  const { name = '' } = useParams();
  return (
    <Answer of={useQuery(catalogueQuery)}>
      {(data) => {
        const found = data.modules.find((one) => one.name === name);
        if (found) return <Module of={found} />;
        const problem = new Problem({
          status: 404,
          code: 'catalogue.unknown',
          subject: name,
          message: t('unknownModule'),
        });
        return <ProblemCard problem={problem} />;
      }}
    </Answer>
  );
}

function Module({ of }: { of: Dto<'CatalogueModuleDto'> }) {
  const { t } = useTranslation('catalogue');
  const rows: [string, ReactNode][] = [
    [t('version'), `${of.version} (${of.appVersion})`],
    [t('licence'), of.licence],
    [t('category'), of.category],
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
    [t('takes'), <NeedsLine key="needs" of={of.needs} />],
    [t('provides'), of.provides.join(', ') || '–'],
    [t('requires'), of.requires.join(', ') || '–'],
    ...Object.entries(of.links)
      .filter((entry): entry is [string, string] => typeof entry[1] === 'string' && /^https?:/.test(entry[1]))
      .map(([kind, url]): [string, ReactNode] => [
        kind,
        <Anchor key={kind} href={url} target="_blank" rel="noreferrer" size="sm" style={{ overflowWrap: 'anywhere' }}>
          {url}
        </Anchor>,
      ]),
  ];
  return (
    <Frame title={of.title} about={<ForeignText key="origin">{of.summary}</ForeignText>}>
      <Table className="surface">
        <Table.Tbody>
          {rows.map(([title, value]) => (
            <Table.Tr key={title}>
              <Table.Th scope="row">{title}</Table.Th>
              <Table.Td>{value}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Frame>
  );
}
