import { Group, Skeleton, Stack } from '@mantine/core';
import type { ReactNode } from 'react';
import cards from './cards.module.css';
import { useOnItsWay } from './on-its-way.js';

/** The window of a graph (layer-graph.module.css) with its buttons below. */
const GRAPH_PX = 391;

/** The room of what is on its way, in its shape: when it comes, nothing jumps. It is looked at only, ears have {@link useOnItsWay}. */
export function Placeholder({ children }: { children: ReactNode }) {
  useOnItsWay();
  return (
    <Stack gap="xl" aria-hidden data-on-its-way>
      {children}
    </Stack>
  );
}

/** A line of text, a word, a button: as wide as it usually is. */
const Bar = ({ width, height = 14 }: { width: number | string; height?: number }) => (
  <Skeleton width={width} height={height} radius="sm" />
);

const many = (count: number, one: (at: number) => ReactNode): ReactNode[] =>
  Array.from({ length: count }, (_, at) => one(at));

/** A heading and what stands below it. */
export function SectionShape({ children }: { children: ReactNode }) {
  return (
    <Stack gap="sm">
      <Bar width={160} height={20} />
      {children}
    </Stack>
  );
}

/** Cards side by side: a name with its state, and so many lines. */
export function CardsShape({ count, lines }: { count: number; lines: number }) {
  return (
    <div className={cards['grid']}>
      {many(count, (card) => (
        <div key={card} className={`surface ${cards['card']}`}>
          <Group justify="space-between" wrap="nowrap">
            <Bar width={120} height={24} />
            <Bar width={64} height={20} />
          </Group>
          {many(lines, (line) => (
            <Bar key={line} width={line % 2 === 0 ? '85%' : '55%'} height={18} />
          ))}
        </div>
      ))}
    </div>
  );
}

/** Rows of a list or a table, one below the other. */
export function RowsShape({ count }: { count: number }) {
  return (
    <Stack gap="xs">
      {many(count, (row) => (
        <Group key={row} className="surface" px="md" py="xs" justify="space-between" wrap="nowrap">
          <Bar width="40%" height={20} />
          <Bar width={80} height={20} />
        </Group>
      ))}
    </Stack>
  );
}

/** A graph, a log, a chart: a frame as high as theirs. */
export const FrameShape = ({ height }: { height: number }) => <Skeleton height={height} radius="md" />;

/** A graph whose code is on its way. */
export const GraphPlaceholder = () => (
  <Placeholder>
    <FrameShape height={GRAPH_PX} />
  </Placeholder>
);

/** A page's head, where not even its title is known. */
export function HeadShape() {
  return (
    <Stack gap={8}>
      <Bar width="min(22rem, 80%)" height={30} />
      <Bar width="min(30rem, 95%)" height={18} />
    </Stack>
  );
}

/** A page of which nothing is known yet. */
export function PagePlaceholder() {
  return (
    <Placeholder>
      <HeadShape />
      <RowsShape count={3} />
    </Placeholder>
  );
}
