import { ActionIcon } from '@mantine/core';
import { IconArrowsMaximize, IconMinus, IconPlus } from '@tabler/icons-react';
import { memo, type PointerEvent, startTransition, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { cleanText } from './clean-text.js';
import classes from './layer-graph.module.css';
import { around, type Frame, isIn, layOut, MANY_EDGES, pathOf } from './layer-layout.js';

/** A node of a graph that is drawn by layers: layer 0 is leftmost. */
export interface LayerNode {
  id: string;
  label: string;
  about?: string;
  layer: number;
  colour?: string;
}

/** Whether there is room for a graph that can be read; else its table is the better first look. */
export const graphFits = (): boolean => window.matchMedia('(min-width: 48em)').matches;

const SMALLEST = 0.1;
const LARGEST = 1.5;
/** A graph begins where it can be read, also where not all of it has room. */
const READABLE = 0.8;
/** The window of a graph: no higher than it needs to be, and never so high that it fills the page. */
const HIGHEST = 352;
const LOWEST = 120;
const SCROLLBAR = 16;
/** Beyond the frame, so that nothing is missing at its edge while it is moved; drawn when the rest stands. */
const MARGIN = 300;
/** The frame is looked at in steps: one that moves by a few pixels shows the same nodes. */
const STEP = 100;
/** The frame as it is before anybody has measured it. */
const GUESS: Frame = { left: 0, top: 0, width: 1_400, height: 360 };

/**
 * A graph by layers, to look at: drawn from left to right, moved like any other content that is larger than its frame, and
 * zoomed. Only what is in sight is drawn. What it shows must stand in a table too, one choice away, for whoever does not see
 * it. `follow`: nodes to keep in sight, until somebody moves it by hand.
 */
export function LayerGraph({
  nodes,
  edges,
  label,
  follow,
}: {
  nodes: readonly LayerNode[];
  edges: readonly { from: string; to: string }[];
  label: string;
  follow?: readonly string[];
}) {
  const { t } = useTranslation('shell');
  const frame = useRef<HTMLDivElement>(null);
  const [seen, setSeen] = useState(GUESS);
  const [chosen, setScale] = useState<number>();
  const [margin, setMargin] = useState(0);
  useEffect(() => startTransition(() => setMargin(MARGIN)), []);
  // A state that changes moves nothing.
  const shape = nodes.map(({ id, layer }) => `${layer} ${id}`).join();
  // biome-ignore lint/correctness/useExhaustiveDependencies: the shape stands for the nodes
  const layout = useMemo(() => layOut(nodes), [shape]);
  const whole = Math.min(1, seen.width / layout.width, HIGHEST / layout.height);
  const first = Math.max(READABLE, whole);
  const scale = chosen ?? first;
  // As high as it begins: what stands below stays where it is while one zooms.
  const height = Math.max(LOWEST, Math.min(HIGHEST, Math.ceil(layout.height * first) + SCROLLBAR));

  useLayoutEffect(() => {
    const element = frame.current;
    if (!element) return;
    let asked = 0;
    const look = (): void => {
      asked = 0;
      const near = (value: number): number => Math.floor(value / STEP) * STEP;
      const now = {
        left: near(element.scrollLeft),
        top: near(element.scrollTop),
        width: element.clientWidth,
        height: element.clientHeight,
      };
      setSeen((old) => (Object.entries(now).every(([key, value]) => old[key as keyof Frame] === value) ? old : now));
    };
    const later = (): void => {
      asked ||= requestAnimationFrame(look);
    };
    look();
    const sizes = new ResizeObserver(later);
    sizes.observe(element);
    element.addEventListener('scroll', later, { passive: true });
    return () => {
      cancelAnimationFrame(asked);
      sizes.disconnect();
      element.removeEventListener('scroll', later);
    };
  }, []);

  const moved = useRef(false);
  const inSight = follow?.join(' ') ?? '';
  // biome-ignore lint/correctness/useExhaustiveDependencies: a graph that is only laid out or zoomed anew stays where it is
  useEffect(() => {
    const element = frame.current;
    const wanted = around(layout, inSight.split(' '));
    if (!element || !wanted || moved.current) return;
    const [left, top] = [wanted.left * scale, wanted.top * scale];
    const room = { x: element.clientWidth - wanted.width * scale, y: element.clientHeight - wanted.height * scale };
    const smooth = !window.matchMedia('(prefers-reduced-motion: reduce)').matches;
    element.scrollTo({
      left: left - Math.max(24, room.x / 2),
      top: top - Math.max(24, room.y / 2),
      behavior: smooth ? 'smooth' : 'auto',
    });
  }, [inSight]);

  const visible = useMemo(
    () => ({
      left: (seen.left - margin) / scale,
      top: (seen.top - margin) / scale,
      width: (seen.width + STEP + 2 * margin) / scale,
      height: (seen.height + STEP + 2 * margin) / scale,
    }),
    [seen, scale, margin],
  );
  const many = edges.length > MANY_EDGES;
  const path = useMemo(() => pathOf(layout, edges, many ? visible : undefined), [layout, edges, many, visible]);
  const byHand = (): void => {
    moved.current = true;
  };
  const zoom = (to: number): void => {
    byHand();
    setScale(Math.min(LARGEST, Math.max(SMALLEST, to)));
  };
  return (
    <figure className={classes['frame']} aria-label={label}>
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset is for form fields */}
      <div
        ref={frame}
        className={classes['window']}
        style={{ height }}
        role="group"
        aria-label={label}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by keyboard
        tabIndex={0}
        onWheel={byHand}
        onKeyDown={byHand}
        onTouchMove={byHand}
        onPointerDown={(event) => drag(event, byHand)}
      >
        <div style={{ width: layout.width * scale, height: layout.height * scale }} className={classes['ground']}>
          <div className={classes['scaled']} style={{ transform: `scale(${scale})` }}>
            <svg className={classes['edges']} width={layout.width} height={layout.height} aria-hidden>
              <path d={path} />
            </svg>
            {nodes.map((node, at) => {
              const place = layout.placed[at];
              return place && isIn(place, visible) ? (
                <NodeBox
                  key={node.id}
                  id={node.id}
                  label={node.label}
                  about={node.about}
                  colour={node.colour}
                  x={place.x}
                  y={place.y}
                />
              ) : null;
            })}
          </div>
        </div>
      </div>
      <div className={classes['zoom']}>
        <ActionIcon variant="default" aria-label={t('graph.larger')} onClick={() => zoom(scale * 1.25)}>
          <IconPlus size={16} aria-hidden />
        </ActionIcon>
        <ActionIcon variant="default" aria-label={t('graph.smaller')} onClick={() => zoom(scale / 1.25)}>
          <IconMinus size={16} aria-hidden />
        </ActionIcon>
        <ActionIcon variant="default" aria-label={t('graph.whole')} onClick={() => zoom(whole)}>
          <IconArrowsMaximize size={16} aria-hidden />
        </ActionIcon>
      </div>
    </figure>
  );
}

/** Drawn anew only when what it says has changed. */
const NodeBox = memo(function NodeBox({
  id,
  label,
  about,
  colour,
  x,
  y,
}: {
  id: string;
  label: string;
  about: string | undefined;
  colour: string | undefined;
  x: number;
  y: number;
}) {
  const name = cleanText(label);
  return (
    <div
      data-node={id}
      className={classes['node']}
      style={{
        transform: `translate(${x}px, ${y}px)`,
        ...(colour ? { borderColor: `var(--mantine-color-${colour}-6)`, borderWidth: 2 } : {}),
      }}
      title={name}
    >
      <bdi>{name}</bdi>
      {about ? <small>{cleanText(about)}</small> : null}
    </div>
  );
});

/** Moves the content with the mouse that holds it; fingers do that by themselves. */
function drag(event: PointerEvent<HTMLDivElement>, moved: () => void): void {
  const element = event.currentTarget;
  if (event.pointerType !== 'mouse' || event.button !== 0 || event.target === element) return;
  const { clientX, clientY } = event;
  const { scrollLeft, scrollTop } = element;
  const end = new AbortController();
  const move = (at: globalThis.PointerEvent): void => {
    moved();
    element.scrollTo(scrollLeft + clientX - at.clientX, scrollTop + clientY - at.clientY);
  };
  window.addEventListener('pointermove', move, { signal: end.signal });
  for (const over of ['pointerup', 'pointercancel'])
    window.addEventListener(over, () => end.abort(), { signal: end.signal });
  event.preventDefault();
  element.focus({ preventScroll: true });
}
