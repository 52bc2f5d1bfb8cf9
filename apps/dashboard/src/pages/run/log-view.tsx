import { Button, CopyButton, Group, Select, Switch, Text, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconSearch } from '@tabler/icons-react';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { cleanText } from '../../components/clean-text.js';
import { Section } from '../../components/section.js';
import { currentLanguage } from '../../i18n/i18n.js';
import classes from './log-view.module.css';
import type { Line, LogLines, RunStep } from './run-view.js';

const LINE_PX = 20;
/** A line that is longer is cut on the screen; copied it is whole. */
const SHOWN = 2_000;

/** The log of a run, merged or of one step: searched, followed, copied. */
export function LogView({
  log,
  version,
  steps,
  chosen,
  onChoose,
}: {
  log: LogLines;
  version: number;
  steps: readonly RunStep[];
  chosen: string | undefined;
  onChoose: (step: string | undefined) => void;
}) {
  const { t } = useTranslation('run');
  const [typed, setTyped] = useState('');
  const [search] = useDebouncedValue(typed.trim().toLowerCase(), 150);
  const [follow, setFollow] = useState(true);
  const frame = useRef<HTMLDivElement>(null);
  const labels = useMemo(() => new Map(steps.map((step) => [step.id, step.label])), [steps]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the version stands for the growing log
  const shown = useMemo(
    () =>
      log.lines.filter(
        (line) =>
          (chosen === undefined || line.step === chosen) && (search === '' || line.text.toLowerCase().includes(search)),
      ),
    [log, version, chosen, search],
  );
  const rows = useVirtualizer({
    count: shown.length,
    getScrollElement: () => frame.current,
    estimateSize: () => LINE_PX,
    overscan: 20,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: new lines move a window that follows
  useEffect(() => {
    if (follow && shown.length > 0) rows.scrollToIndex(shown.length - 1, { align: 'end' });
  }, [shown.length, follow, version]);
  const time = useMemo(() => new Intl.DateTimeFormat(currentLanguage(), { timeStyle: 'medium' }), []);
  return (
    <Section title={t('log')}>
      <Group gap="sm" align="flex-end">
        <TextInput
          aria-label={t('searchLog')}
          placeholder={t('searchLog')}
          leftSection={<IconSearch size={16} aria-hidden />}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
          flex="1 1 14rem"
        />
        <Select
          aria-label={t('whoseLog')}
          placeholder={t('allSteps')}
          data={steps.map((step) => ({ value: step.id, label: cleanText(step.label) }))}
          value={chosen ?? null}
          onChange={(step) => onChoose(step ?? undefined)}
          clearable
          searchable
          flex="1 1 14rem"
        />
        <Switch
          label={t('follow')}
          mb={8}
          checked={follow}
          onChange={(event) => setFollow(event.currentTarget.checked)}
        />
        <CopyButton value={shown.map(asText).join('\n')}>
          {({ copied, copy }) => (
            <Button variant="default" size="sm" onClick={copy}>
              {t(copied ? 'shell:copied' : 'shell:copy')}
            </Button>
          )}
        </CopyButton>
      </Group>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls is reached by keyboard */}
      <section ref={frame} className={`surface ${classes['window']}`} tabIndex={0} aria-label={t('log')}>
        {shown.length === 0 ? (
          <Text c="dimmed" size="sm" px="md">
            {t(search ? 'nothingFound' : 'noLog')}
          </Text>
        ) : null}
        <div className={classes['lines']} style={{ height: rows.getTotalSize() }}>
          {rows.getVirtualItems().map((row) => {
            const line = shown[row.index];
            return line ? (
              <div key={line.id} className={classes['line']} style={{ transform: `translateY(${row.start}px)` }}>
                <span className={classes['time']}>{time.format(line.at)}</span>
                {chosen === undefined ? (
                  <span className={classes['step']} title={cleanText(labels.get(line.step) ?? line.step)}>
                    {cleanText(labels.get(line.step) ?? line.step)}
                  </span>
                ) : null}
                <bdi className={line.stream === 'stdout' ? '' : (classes[line.stream] ?? '')}>
                  {cleanText(line.text.slice(0, SHOWN))}
                  {line.text.length > SHOWN ? ' …' : ''}
                </bdi>
              </div>
            ) : null;
          })}
        </div>
      </section>
      <Text size="xs" c="dimmed">
        {t('lines', { count: shown.length })}
        {log.dropped > 0 ? ` ${t('dropped', { count: log.dropped })}` : ''}
      </Text>
    </Section>
  );
}

const asText = (line: Line): string => `${new Date(line.at).toISOString()} ${line.step} ${cleanText(line.text)}`;
