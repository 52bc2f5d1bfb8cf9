import 'uplot/dist/uPlot.min.css';
import { useComputedColorScheme } from '@mantine/core';
import { useEffect, useRef } from 'react';
import UPlot from 'uplot';
import { formatBytes, locale } from './formats.js';

const HEIGHT = 150;
const COLOURS = ['#1f7a5e', '#2f6fde', '#b45309', '#9333ea', '#be123c', '#0e7490', '#4d7c0f', '#a21caf'];

/** Steps of an axis of bytes: whole numbers of its units. */
const BINARY = Array.from({ length: 50 }, (_, power) => 2 ** power);

/** The colour of the line at a place, for a legend. */
export const colourOf = (at: number): string => COLOURS[at % COLOURS.length] as string;

/** Lines over time. `label` says in words what is drawn, for whoever does not see it. */
export function TimeChart({
  label,
  series,
  format,
  max,
}: {
  label: string;
  series: readonly { name: string; points: readonly { at: number; value: number }[] }[];
  format: (value: number) => string;
  max?: number;
}) {
  const frame = useRef<HTMLDivElement>(null);
  const scheme = useComputedColorScheme('light');
  useEffect(() => {
    const element = frame.current;
    if (!element) return;
    const times = [...new Set(series.flatMap(({ points }) => points.map(({ at }) => at)))].sort((a, b) => a - b);
    const lines = series.map(({ points }) => {
      const byTime = new Map(points.map(({ at, value }) => [at, value]));
      return times.map((at) => byTime.get(at) ?? null);
    });
    const ink = scheme === 'dark' ? '#c9d1d9' : '#3b4149';
    const grid = { stroke: scheme === 'dark' ? '#32363c' : '#e6e3de' };
    const plot = new UPlot(
      {
        width: element.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        cursor: { drag: { x: false, y: false } },
        scales: {
          // A single figure still stands in a span of time that can be read.
          x: { range: (_plot, from, to) => (to - from < 600 ? [to - 600, to] : [from, to]) },
          y: { range: (_plot, _low, high) => [0, max ?? Math.max(high * 1.1, 1e-6)] },
        },
        axes: [
          {
            stroke: ink,
            grid,
            size: 32,
            values: (_plot, ticks) => {
              // Within a day the hour tells enough.
              const days = (ticks.at(-1) ?? 0) - (ticks[0] ?? 0) > 36 * 3600;
              const style = days ? ({ day: 'numeric', month: 'short' } as const) : ({ timeStyle: 'short' } as const);
              const format = new Intl.DateTimeFormat(locale(), style);
              return ticks.map((tick) => format.format(tick * 1000));
            },
          },
          {
            stroke: ink,
            grid,
            size: 76,
            values: (_plot, ticks) => ticks.map(format),
            ...(format === formatBytes ? { incrs: BINARY } : {}),
          },
        ],
        series: [
          {},
          ...series.map(({ name }, at) => ({
            label: name,
            stroke: colourOf(at),
            width: 1.5,
            spanGaps: false,
          })),
        ],
      },
      [times.map((at) => at / 1000), ...lines],
      element,
    );
    const resize = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT }));
    resize.observe(element);
    return () => {
      resize.disconnect();
      plot.destroy();
    };
  }, [series, format, max, scheme]);
  return <div ref={frame} role="img" aria-label={label} />;
}
