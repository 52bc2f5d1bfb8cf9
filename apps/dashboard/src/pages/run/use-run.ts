import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { flushSync } from 'react-dom';
import { useTranslation } from 'react-i18next';
import { api, ask } from '../../api/client.js';
import { followEvents, type StreamState } from '../../api/follow-events.js';
import { type Problem, toProblem } from '../../api/problem.js';
import { every } from '../../api/query-client.js';
import type { Dto } from '../../api/types.js';
import { stepLabel } from '../../components/step-label.js';
import { applyEvent, type Entry, LogLines, type RunStep } from './run-view.js';

/** A run as the screen shows it: asked for once, then kept up to date by its stream. */
export interface LiveRun {
  detail: Dto<'RunDetailDto'>;
  steps: readonly RunStep[];
  log: LogLines;
  stream: StreamState | 'over';
  /** Why the stream ended for good. */
  refused?: Problem;
}

export const runKey = (id: string) => ['run', id] as const;

/** Follows a run; a page that shows another one takes a new component (`key`). The server's log is the truth: whatever happens here, a reload shows the same. */
export function useRun(id: string) {
  const query = useQuery({
    queryKey: runKey(id),
    queryFn: ({ signal }) => ask(api.GET('/api/v1/runs/{id}', { params: { path: { id } }, signal })),
    staleTime: 0,
    // What is over may be taken up again from another device.
    refetchInterval: (asked) => every(SETTLED.has(asked.state.data?.run.state ?? '') ? OVER_MS : false)(asked),
  });
  const [log] = useState(() => new LogLines());
  const [, redraw] = useState(0);
  const [stream, setStream] = useState<LiveRun['stream']>('connecting');
  const [refused, setRefused] = useState<Problem>();
  const steps = useRef(new Map<string, RunStep>());
  /** The same array until a step changes: what shows the steps is not drawn anew for every log line. */
  const list = useRef<readonly RunStep[] | undefined>(undefined);
  const seen = useRef(0);
  const { t } = useTranslation('steps');
  const named = useRef(t);
  const detail = query.data;
  const { refetch } = query;
  // A retry of a run that had ended makes its log grow again: then it is followed again.
  const state = detail?.run.state;
  const open = state !== undefined && !SETTLED.has(state);

  // Another language names the steps anew.
  if (detail && (detail.run.lastSeq > seen.current || steps.current.size === 0 || named.current !== t)) {
    const fresh = detail.run.lastSeq >= seen.current;
    const shown = fresh ? detail.steps : [...steps.current.values()];
    const words = new Map(detail.steps.map((step) => [step.id, stepLabel(t, step)]));
    steps.current = new Map(shown.map((step) => [step.id, { ...step, label: words.get(step.id) ?? step.label }]));
    seen.current = Math.max(seen.current, detail.run.lastSeq);
    named.current = t;
    list.current = undefined;
  }

  const known = state !== undefined;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a run that settles or opens again is followed anew
  useEffect(() => {
    if (!known) return;
    const stop = new AbortController();
    let frame = 0;
    const draw = (): void => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        // Into this very frame: otherwise React would begin when it is painted already.
        flushSync(() => {
          if (list.current === undefined) redraw((now) => now + 1);
          log.publish();
        });
      });
    };
    followEvents(`/api/v1/runs/${encodeURIComponent(id)}/events`, {
      after: String(log.lastSeq),
      signal: stop.signal,
      onState: setStream,
      onEvent: (data, _id, type) => {
        if (type === 'end') {
          setStream('over');
          stop.abort();
          void refetch();
          return;
        }
        if (type !== 'entry') return;
        const entry = JSON.parse(data) as Entry;
        if (!log.add(entry)) return;
        if (entry.seq > seen.current) {
          seen.current = entry.seq;
          const step = entry.step === undefined ? undefined : steps.current.get(entry.step);
          const after = step && applyEvent(step, entry);
          if (!after) void refetch();
          else if (after !== step) {
            steps.current.set(after.id, after);
            list.current = undefined;
          }
        }
        draw();
      },
    }).catch((error: unknown) => {
      if (!stop.signal.aborted) setRefused(toProblem(error));
    });
    return () => {
      stop.abort();
      cancelAnimationFrame(frame);
    };
  }, [id, log, open, known, refetch]);

  list.current ??= [...steps.current.values()];
  const live: LiveRun | undefined = detail && {
    detail,
    steps: list.current,
    log,
    stream,
    ...(refused ? { refused } : {}),
  };
  return { ...query, data: live };
}

/** How often a run that is over is looked at again. */
const OVER_MS = 20_000;
const SETTLED = new Set<string>([
  'succeeded',
  'failed',
  'cancelled',
  'undone',
  'left',
] satisfies Dto<'RunDto'>['state'][]);
