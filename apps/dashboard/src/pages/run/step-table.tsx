import { Table, UnstyledButton } from '@mantine/core';
import { memo, startTransition, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ForeignText } from '../../components/foreign-text.js';
import { formatDuration } from '../../components/formats.js';
import { Scroll } from '../../components/scroll.js';
import { StateBadge } from '../../components/state-badge.js';
import type { RunStep } from './run-view.js';

/** More than a screen of rows; the rest of a long run follows when the first ones stand. */
const FIRST = 60;

/** The graph's twin: every step with its state, in the order of the plan. Choosing one shows its log. */
export function StepTable({
  steps,
  chosen,
  onChoose,
}: {
  steps: readonly RunStep[];
  chosen?: string | undefined;
  onChoose?: (step: string) => void;
}) {
  const { t } = useTranslation('run');
  const [most, setMost] = useState(FIRST);
  useEffect(() => startTransition(() => setMost(Number.POSITIVE_INFINITY)), []);
  return (
    <Scroll label={t('steps')}>
      <Table verticalSpacing={6} highlightOnHover>
        <Table.Caption className="visually-hidden">{t('steps')}</Table.Caption>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t('step')}</Table.Th>
            <Table.Th>{t('state')}</Table.Th>
            <Table.Th>{t('time')}</Table.Th>
            <Table.Th>{t('says')}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {steps.slice(0, most).map((step) => (
            <Row key={step.id} step={step} chosen={step.id === chosen} onChoose={onChoose} />
          ))}
        </Table.Tbody>
      </Table>
    </Scroll>
  );
}

/** Drawn anew only when its step has changed: events of one step leave the other thousand rows alone. */
const Row = memo(function Row({
  step,
  chosen,
  onChoose,
}: {
  step: RunStep;
  chosen: boolean;
  onChoose: ((step: string) => void) | undefined;
}) {
  const { t } = useTranslation('run');
  const says = [
    step.percent !== undefined && step.state === 'running' ? `${step.percent} %` : '',
    step.waitingFor ?? step.text ?? '',
    step.attempt > 1 ? t('attempt', { attempt: step.attempt }) : '',
  ].filter(Boolean);
  return (
    <Table.Tr data-step={step.id} aria-selected={chosen}>
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
