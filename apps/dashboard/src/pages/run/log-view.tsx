import { Button, Group, Select, Switch, Text, TextInput, UnstyledButton } from '@mantine/core';
import { useClipboard, useDebouncedValue } from '@mantine/hooks';
import { modals } from '@mantine/modals';
import { IconSearch } from '@tabler/icons-react';
import { useVirtualizer } from '@tanstack/react-virtual';
import { memo, useLayoutEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';
import { useTranslation } from 'react-i18next';
import { cleanText } from '../../components/clean-text.js';
import { locale } from '../../components/formats.js';
import { Section } from '../../components/section.js';
import classes from './log-view.module.css';
import { type Line, type LogLines, type RunStep, ShownLines } from './run-view.js';

const LINE_PX = 20;
/** Rows at the end of a log that is followed; its window shows half of them. */
const NEWEST = 60;
/** A line that is longer is cut in its row; copied, and on demand, it is whole. */
const SHOWN = 2_000;
/** Steps that are offered at once; typing finds the others. */
const MOST_CHOICES = 200;

/** The log of a run, merged or of one step: searched, followed, copied. */
export const LogView = memo(function LogView({
  log,
  steps,
  chosen,
  onChoose,
}: {
  log: LogLines;
  steps: readonly RunStep[];
  chosen: string | undefined;
  onChoose: (step: string | undefined) => void;
}) {
  const { t } = useTranslation('run');
  const version = useSyncExternalStore(log.subscribe, log.version);
  const [typed, setTyped] = useState('');
  const [search] = useDebouncedValue(typed.trim().toLowerCase(), 150);
  const [follow, setFollow] = useState(true);
  const frame = useRef<HTMLDivElement>(null);
  const labels = useMemo(() => new Map(steps.map((step) => [step.id, step.label])), [steps]);
  const [lines] = useState(() => new ShownLines());
  const shown = lines.of(log, chosen, search);
  const clipboard = useClipboard();
  const choices = useMemo(() => steps.map((step) => ({ value: step.id, label: cleanText(step.label) })), [steps]);
  const before = useRef({ top: 0, height: 0 });
  /** Whoever moves back reads, whoever comes to the end follows again. */
  const scrolled = (): void => {
    const element = frame.current;
    if (!element) return;
    const { scrollTop, scrollHeight, clientHeight } = element;
    const { top, height } = before.current;
    before.current = { top: scrollTop, height: scrollHeight };
    if (scrollHeight < height) return;
    if (scrollTop < top - 1) setFollow(false);
    else if (scrollTop > top && scrollTop + clientHeight >= scrollHeight - LINE_PX) setFollow(true);
  };
  const rows = useVirtualizer({
    count: shown.length,
    getScrollElement: () => frame.current,
    estimateSize: () => LINE_PX,
    overscan: 20,
  });
  // Whoever follows sees the end in the frame in which it comes: where the window is would be known a frame later.
  const inSight = follow ? newest(shown.length) : rows.getVirtualItems();
  // biome-ignore lint/correctness/useExhaustiveDependencies: new lines move a window that follows
  useLayoutEffect(() => {
    if (follow && frame.current) frame.current.scrollTop = frame.current.scrollHeight;
  }, [shown.length, follow, version]);
  const time = useMemo(() => new Intl.DateTimeFormat(locale(), { timeStyle: 'medium' }), []);
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
          data={choices}
          limit={MOST_CHOICES}
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
        <Button variant="default" size="sm" onClick={() => clipboard.copy(shown.map(asText).join('\n'))}>
          {t(clipboard.copied ? 'shell:copied' : 'shell:copy')}
        </Button>
      </Group>
      <section
        ref={frame}
        className={`surface ${classes['window']}`}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls is reached by keyboard
        tabIndex={0}
        aria-label={t('log')}
        onScroll={scrolled}
      >
        {shown.length === 0 ? (
          <Text c="dimmed" size="sm" px="md">
            {t(search ? 'nothingFound' : 'noLog')}
          </Text>
        ) : null}
        <div className={classes['lines']} style={{ height: rows.getTotalSize() }}>
          {inSight.map((row) => {
            const line = shown[row.index];
            return line ? (
              <Row
                key={line.id}
                line={line}
                start={row.start}
                time={time}
                step={chosen === undefined ? (labels.get(line.step) ?? line.step) : undefined}
              />
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
});

/** The last rows of so many: more than the window shows at once. */
const newest = (count: number): { index: number; start: number }[] =>
  Array.from({ length: Math.min(count, NEWEST) }, (_, at) => {
    const index = Math.max(0, count - NEWEST) + at;
    return { index, start: index * LINE_PX };
  });

const Row = memo(function Row({
  line,
  start,
  time,
  step,
}: {
  line: Line;
  start: number;
  time: Intl.DateTimeFormat;
  /** Its name, where lines of several are shown. */
  step: string | undefined;
}) {
  const { t } = useTranslation('run');
  const long = line.text.length > SHOWN;
  const name = step === undefined ? undefined : cleanText(step);
  return (
    <div className={classes['line']} style={{ transform: `translateY(${start}px)` }}>
      <span className={classes['time']}>{time.format(line.at)}</span>
      {name === undefined ? null : (
        <span className={classes['step']} title={name}>
          {name}
        </span>
      )}
      <bdi className={line.stream === 'stdout' ? '' : (classes[line.stream] ?? '')}>
        {cleanText(long ? line.text.slice(0, SHOWN) : line.text)}
        {long ? ' …' : ''}
      </bdi>
      {long ? (
        <UnstyledButton fz="inherit" td="underline" onClick={() => showWhole(line)}>
          {t('shell:showAll')} ({line.text.length})
        </UnstyledButton>
      ) : null}
    </div>
  );
});

/** A line that is too long for a row, broken where the window ends. */
const showWhole = (line: Line): void =>
  void modals.open({
    title: cleanText(line.step),
    size: 'xl',
    children: <pre className={classes['whole']}>{cleanText(line.text)}</pre>,
  });

const asText = (line: Line): string => `${new Date(line.at).toISOString()} ${line.step} ${cleanText(line.text)}`;
