import { Anchor, Button, Group, Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useParams } from 'react-router';
import type { Dto } from '../../api/types.js';
import { paths } from '../../app/paths.js';
import { Answer } from '../../components/answer.js';
import { ForeignText } from '../../components/foreign-text.js';
import { layersOf } from '../../components/layers.js';
import { ListTable } from '../../components/list-table.js';
import { ModuleIcon } from '../../components/module-icon.js';
import { Page as Frame } from '../../components/page.js';
import { GraphPlaceholder, PagePlaceholder } from '../../components/placeholder.js';
import { Section } from '../../components/section.js';
import { blueprintQuery, catalogueQuery } from './catalogue-query.js';
import { NeedsLine } from './needs-line.js';

const LayerGraph = lazy(async () => ({ default: (await import('../../components/layer-graph.js')).LayerGraph }));

/** A blueprint: what it is made of, what leans on what, what it takes. */
export function Page() {
  const { name = '' } = useParams();
  return (
    <Answer of={useQuery(blueprintQuery(name))} placeholder={<PagePlaceholder />}>
      {(blueprint) => <Blueprint of={blueprint} />}
    </Answer>
  );
}

function Blueprint({ of }: { of: Dto<'BlueprintDetailDto'> }) {
  const { t } = useTranslation('catalogue');
  const modules = useQuery(catalogueQuery).data?.modules ?? [];
  const iconOf = (module: string) => modules.findLast((one) => one.name === module)?.icon;
  const components = of.components as Record<string, { title?: string }>;
  const layers = useMemo(
    () =>
      layersOf(
        of.graph.nodes.map((node) => node.id),
        of.graph.edges,
      ),
    [of],
  );
  return (
    <Frame
      title={of.title}
      about={<ForeignText>{of.summary}</ForeignText>}
      action={
        <Button component={Link} to={paths.install(of.name)}>
          {t('install')}
        </Button>
      }
    >
      <Section title={t('graph')}>
        <Suspense fallback={<GraphPlaceholder />}>
          <LayerGraph
            label={t('graph')}
            nodes={of.graph.nodes.map((node) => ({
              id: node.id,
              label: node.title,
              about: t(`tiers.${node.tier}`),
              layer: layers.get(node.id) ?? 0,
              ...(node.tier === 'app' ? { colour: 'bastide' } : {}),
            }))}
            edges={of.graph.edges.map((edge) => ({ from: edge.to, to: edge.from }))}
          />
        </Suspense>
        <ListTable label={t('graph')} heads={[t('part'), t('tier'), t('components'), t('leansOn')]}>
          <Table.Tbody>
            {of.graph.nodes.map((node) => (
              <Table.Tr key={node.id}>
                <Table.Td>
                  <Group gap="xs" wrap="nowrap">
                    <ModuleIcon name={node.module} icon={iconOf(node.module)} size={22} />
                    <Anchor component={Link} to={paths.module(node.module)} size="sm">
                      <ForeignText>{node.title}</ForeignText>
                    </Anchor>
                  </Group>
                </Table.Td>
                <Table.Td>{t(`tiers.${node.tier}`)}</Table.Td>
                <Table.Td>
                  {node.component ? (
                    <ForeignText>{components[node.component]?.title ?? node.component}</ForeignText>
                  ) : (
                    t('always')
                  )}
                </Table.Td>
                <Table.Td>
                  {of.graph.edges
                    .filter((edge) => edge.from === node.id)
                    .map((edge) => `${edge.to} (${edge.interface})`)
                    .join(', ') || '–'}
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </ListTable>
      </Section>
      <Section title={t('sizes')}>
        <Table>
          <Table.Tbody>
            {of.sizes.map((size) => (
              <Table.Tr key={size}>
                <Table.Th scope="row">{t(`sizeNames.${size}`, { defaultValue: size })}</Table.Th>
                <Table.Td>{of.needs[size] ? <NeedsLine of={of.needs[size]} /> : '–'}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
        {of.audience ? (
          <Text size="sm" c="dimmed">
            <ForeignText>{of.audience}</ForeignText>
          </Text>
        ) : null}
      </Section>
    </Frame>
  );
}
