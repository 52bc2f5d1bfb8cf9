import 'uplot/dist/uPlot.min.css';
import { useComputedColorScheme } from '@mantine/core';
import { useEffect, useRef } from 'react';
import UPlot from 'uplot';

const HEIGHT = 150;
const COLOURS = ['#1f7a5e', '#2f6fde', '#b45309', '#9333ea', '#be123c', '#0e7490', '#4d7c0f', '#a21caf'];

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
        scales: { y: { range: (_plot, _low, high) => [0, max ?? Math.max(high * 1.1, 1e-6)] } },
        axes: [
          { stroke: ink, grid },
          { stroke: ink, grid, size: 76, values: (_plot, ticks) => ticks.map(format) },
        ],
        series: [
          {},
          ...series.map(({ name }, at) => ({
            label: name,
            stroke: COLOURS[at % COLOURS.length] ?? ink,
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
