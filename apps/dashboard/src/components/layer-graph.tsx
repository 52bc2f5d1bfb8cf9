import '@xyflow/react/dist/style.css';
import { useComputedColorScheme } from '@mantine/core';
import { Background, Controls, type Edge, type Node, Position, ReactFlow, type ReactFlowInstance } from '@xyflow/react';
import { useEffect, useMemo, useRef, useState } from 'react';
import { cleanText } from './clean-text.js';
import classes from './layer-graph.module.css';

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

const LARGE = 150;
const WIDTH = 190;
const HEIGHT = 52;

/**
 * A graph by layers, to look at: drawn from left to right, to be moved and zoomed. What it shows must stand in a table
 * too, one choice away, for whoever does not see it. `follow`: nodes to keep in sight, until somebody moves it by hand.
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
  const flow = useRef<ReactFlowInstance>(null);
  const [ready, setReady] = useState(false);
  const moved = useRef(false);
  const inSight = follow?.join(' ') ?? '';
  useEffect(() => {
    if (!ready || moved.current || inSight === '') return;
    const wanted = inSight.split(' ').map((id) => ({ id }));
    void flow.current?.fitView({ nodes: wanted, minZoom: 0.7, maxZoom: 0.9, padding: 0.2, duration: 300 });
  }, [inSight, ready]);
  const scheme = useComputedColorScheme('light');
  const drawn = useMemo(() => {
    const rows = new Map<number, number>();
    return nodes.map((node): Node => {
      const row = rows.get(node.layer) ?? 0;
      rows.set(node.layer, row + 1);
      return {
        id: node.id,
        position: { x: node.layer * (WIDTH + 70), y: row * (HEIGHT + 18) },
        width: WIDTH,
        height: HEIGHT,
        data: {
          label: (
            <span className={classes['label']} title={cleanText(node.label)}>
              <bdi>{cleanText(node.label)}</bdi>
              {node.about ? <small>{cleanText(node.about)}</small> : null}
            </span>
          ),
        },
        sourcePosition: Position.Right,
        targetPosition: Position.Left,
        style: node.colour ? { borderColor: `var(--mantine-color-${node.colour}-6)`, borderWidth: 2 } : {},
      };
    });
  }, [nodes]);
  const lines = useMemo(
    () => edges.map((edge): Edge => ({ id: `${edge.from}→${edge.to}`, source: edge.from, target: edge.to })),
    [edges],
  );
  return (
    <figure className={classes['frame']} aria-label={label}>
      <ReactFlow
        nodes={drawn}
        edges={lines}
        colorMode={scheme}
        fitView
        // A large graph begins where it can be read: what is out of sight is not drawn, which takes a tenth of the time.
        fitViewOptions={{ minZoom: nodes.length > LARGE ? 0.5 : 0.1 }}
        onInit={(instance) => {
          flow.current = instance;
          setReady(true);
        }}
        onMoveStart={(event) => {
          if (event) moved.current = true;
        }}
        minZoom={0.1}
        nodesDraggable={false}
        nodesConnectable={false}
        nodesFocusable={false}
        edgesFocusable={false}
        elementsSelectable={false}
        disableKeyboardA11y
        preventScrolling={false}
        zoomOnScroll={false}
        onlyRenderVisibleElements
        proOptions={{ hideAttribution: true }}
      >
        <Background gap={24} />
        <Controls showInteractive={false} />
      </ReactFlow>
    </figure>
  );
}
