import { Table, UnstyledButton } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { ForeignText } from '../../components/foreign-text.js';
import { formatDuration } from '../../components/formats.js';
import { Scroll } from '../../components/scroll.js';
import { StateBadge } from '../../components/state-badge.js';
import type { RunStep } from './run-view.js';

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
          {steps.map((step) => (
            <Table.Tr key={step.id} data-step={step.id} aria-selected={step.id === chosen}>
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
              <Table.Td>
                {step.startedAt && step.finishedAt ? formatDuration(step.finishedAt - step.startedAt) : ''}
              </Table.Td>
              <Table.Td>
                <ForeignText limit={160}>
                  {[
                    step.percent !== undefined && step.state === 'running' ? `${step.percent} %` : '',
                    step.waitingFor ?? step.text ?? '',
                    step.attempt > 1 ? t('attempt', { attempt: step.attempt }) : '',
                  ]
                    .filter(Boolean)
                    .join(' · ')}
                </ForeignText>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Scroll>
  );
}
