import { SegmentedControl, Table, Text } from '@mantine/core';
import { lazy, Suspense, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Dto } from '../../api/types.js';
import { ForeignText } from '../../components/foreign-text.js';
import { formatDuration } from '../../components/formats.js';
import { ListTable } from '../../components/list-table.js';
import { GraphPlaceholder } from '../../components/placeholder.js';
import { Section } from '../../components/section.js';
import { kindOf, stepLabel } from '../../components/step-label.js';

const LayerGraph = lazy(async () => ({ default: (await import('../../components/layer-graph.js')).LayerGraph }));

/** Whether there is room for a graph that can be read. Asked here, so that the graph's code is loaded only with it. */
const fits = (): boolean => window.matchMedia('(min-width: 48em)').matches;

/** The steps by layers, as a graph or as a table: columns and rows of one layer run at the same time. */
export function Steps({ of }: { of: Dto<'PlanDto'> }) {
  const { t } = useTranslation('install');
  const { t: label } = useTranslation('steps');
  const [shown, setShown] = useState<'graph' | 'table'>(() => (fits() ? 'graph' : 'table'));
  const longest = useMemo(() => new Set(of.estimate.longestChain), [of]);
  const nodes = useMemo(
    () =>
      of.steps.map((step) => ({
        id: step.id,
        label: stepLabel(label, { ...step, kind: kindOf(step.step) }),
        about: formatDuration(step.weightMs),
        layer: step.layer,
        ...(longest.has(step.id) ? { colour: 'bastide' } : {}),
      })),
    [of, label, longest],
  );
  const edges = useMemo(
    () => of.steps.flatMap((step) => step.after.map((before) => ({ from: before, to: step.id }))),
    [of],
  );
  return (
    <Section title={t('stepsTitle')}>
      <Text size="sm" c="dimmed">
        {t('estimate.line', {
          wall: formatDuration(of.estimate.wallMs),
          sum: formatDuration(of.estimate.sumMs),
          count: of.estimate.longestChain.length,
        })}
      </Text>
      <SegmentedControl
        w="fit-content"
        aria-label={t('stepsTitle')}
        value={shown}
        onChange={(value) => setShown(value as 'graph' | 'table')}
        data={[
          { value: 'graph', label: t('asGraph') },
          { value: 'table', label: t('asTable') },
        ]}
      />
      {shown === 'graph' ? (
        <Suspense fallback={<GraphPlaceholder />}>
          <LayerGraph label={t('stepsTitle')} nodes={nodes} edges={edges} />
        </Suspense>
      ) : (
        <ListTable surface label={t('stepsTitle')} heads={[t('layer'), t('step'), t('takes')]}>
          <Table.Tbody>
            {[...of.steps]
              .sort((a, b) => a.layer - b.layer)
              .map((step) => (
                <Table.Tr key={step.id}>
                  <Table.Td>{step.layer + 1}</Table.Td>
                  <Table.Td>
                    <ForeignText>{stepLabel(label, { ...step, kind: kindOf(step.step) })}</ForeignText>
                  </Table.Td>
                  <Table.Td>{formatDuration(step.weightMs)}</Table.Td>
                </Table.Tr>
              ))}
          </Table.Tbody>
        </ListTable>
      )}
    </Section>
  );
}
