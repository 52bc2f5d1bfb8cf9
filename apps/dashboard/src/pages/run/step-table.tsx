import { Table, UnstyledButton } from '@mantine/core';
import { useVirtualizer } from '@tanstack/react-virtual';
import { memo, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { ForeignText } from '../../components/foreign-text.js';
import { formatDuration } from '../../components/formats.js';
import { useSaid } from '../../components/said.js';
import { Scroll } from '../../components/scroll.js';
import { StateBadge } from '../../components/state-badge.js';
import type { RunStep } from './run-view.js';
import classes from './step-table.module.css';

/** A longer table has a frame in which it scrolls: the log below stays near. */
const SHORT = 12;
/** A longer table shows only the rows that are in sight. */
const LONG = 100;
const ROW_PX = 41;

interface Steps {
  steps: readonly RunStep[];
  chosen?: string | undefined;
  onChoose?: (step: string) => void;
}

/** The graph's twin: every step with its state, in the order of the plan. Choosing one shows its log. */
export const StepTable = memo(function StepTable(given: Steps) {
  const { t } = useTranslation('run');
  if (given.steps.length > LONG) return <LongTable {...given} />;
  const framed = given.steps.length > SHORT;
  const table = (
    <Table className={(framed && classes['table']) || ''} verticalSpacing={6} highlightOnHover>
      <Head className={framed ? classes['head'] : undefined} />
      <Table.Tbody>
        {given.steps.map((step) => (
          <Row key={step.id} step={step} chosen={step.id === given.chosen} onChoose={given.onChoose} />
        ))}
      </Table.Tbody>
    </Table>
  );
  if (!framed) return <Scroll label={t('steps')}>{table}</Scroll>;
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for form fields
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by keyboard
    <div className={classes['frame']} role="group" aria-label={t('steps')} tabIndex={0}>
      {table}
    </div>
  );
});

function LongTable({ steps, chosen, onChoose }: Steps) {
  const { t } = useTranslation('run');
  const frame = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({
    count: steps.length,
    getScrollElement: () => frame.current,
    estimateSize: () => ROW_PX,
    getItemKey: (at) => steps[at]?.id ?? at,
    overscan: 6,
    initialRect: { width: 800, height: 540 },
  });
  const shown = rows.getVirtualItems();
  const before = shown[0]?.start ?? 0;
  const after = rows.getTotalSize() - (shown.at(-1)?.end ?? 0);
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for form fields
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by keyboard
    <div ref={frame} className={classes['frame']} role="group" aria-label={t('steps')} tabIndex={0}>
      <Table
        className={classes['table'] ?? ''}
        layout="fixed"
        verticalSpacing={6}
        highlightOnHover
        aria-rowcount={steps.length + 1}
      >
        <Head className={classes['head']} />
        <Table.Tbody>
          <Gap height={before} />
          {shown.map(({ index, key }) => {
            const step = steps[index];
            return step ? (
              <Row
                key={key}
                step={step}
                chosen={step.id === chosen}
                onChoose={onChoose}
                index={index}
                measure={rows.measureElement}
              />
            ) : null;
          })}
          <Gap height={after} />
        </Table.Tbody>
      </Table>
    </div>
  );
}

function Head({ className }: { className?: string | undefined }) {
  const { t } = useTranslation('run');
  return (
    <>
      <Table.Caption className="visually-hidden">{t('steps')}</Table.Caption>
      <Table.Thead {...(className ? { className } : {})}>
        <Table.Tr aria-rowindex={1}>
          <Table.Th>{t('step')}</Table.Th>
          <Table.Th>{t('state')}</Table.Th>
          <Table.Th>{t('time')}</Table.Th>
          <Table.Th>{t('says')}</Table.Th>
        </Table.Tr>
      </Table.Thead>
    </>
  );
}

/** The room of rows that are not drawn. */
const Gap = ({ height }: { height: number }) =>
  height > 0 ? (
    <tr aria-hidden>
      <td colSpan={4} className={classes['gap']} style={{ height }} />
    </tr>
  ) : null;

/** Drawn anew only when its step has changed: events of one step leave the other thousand rows alone. */
const Row = memo(function Row({
  step,
  chosen,
  onChoose,
  index,
  measure,
}: {
  step: RunStep;
  chosen: boolean;
  onChoose: ((step: string) => void) | undefined;
  /** Of a table that does not draw all its rows. */
  index?: number;
  measure?: (row: HTMLTableRowElement | null) => void;
}) {
  const { t } = useTranslation('run');
  const said = useSaid();
  const says = [
    step.percent !== undefined && step.state === 'running' ? `${step.percent} %` : '',
    step.waitingFor ? said(step.waitingFor).text : (step.text ?? ''),
    step.attempt > 1 ? t('attempt', { attempt: step.attempt }) : '',
  ].filter(Boolean);
  return (
    <Table.Tr
      data-step={step.id}
      aria-selected={chosen}
      {...(index === undefined ? {} : { 'aria-rowindex': index + 2, 'data-index': index, ref: measure })}
    >
      <Table.Td>
        {onChoose ? (
          <UnstyledButton fz="sm" td="underline" onClick={() => onChoose(step.id)}>
            <ForeignText>{step.label}</ForeignText>
          </UnstyledButton>
        ) : (
          <ForeignText>{step.label}</ForeignText>
        )}
      </Table.Td>
      <Table.Td>
        <StateBadge state={step.state} size="sm" />
      </Table.Td>
      <Table.Td>{step.startedAt && step.finishedAt ? formatDuration(step.finishedAt - step.startedAt) : ''}</Table.Td>
      <Table.Td>{says.length > 0 ? <ForeignText limit={160}>{says.join(' · ')}</ForeignText> : null}</Table.Td>
    </Table.Tr>
  );
});
