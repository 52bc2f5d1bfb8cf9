import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { baseUrl, sessionFetch } from './client.js';
import { lookedAt } from './looked-at.js';
import { problemOf } from './problem.js';
import { sessionSignal } from './session-signal.js';

/** How the stream is: `open` while lines come, `lost` while it tries again. */
export type StreamState = 'connecting' | 'open' | 'lost';

const SILENCE_MS = 45_000;
/** A stream that broke after living so long was cut on the way, by a proxy or a sleep; one that broke sooner is trouble. */
const LIVED_MS = 1_000;
const LONGEST_PAUSE_MS = 10_000;

/**
 * Follows a stream of server-sent events until the signal ends it or the server says 204 (over). A stream that breaks is taken up
 * after the last id that was seen: at once when it had lived, then with growing pauses, never in step with other browsers. It
 * is `lost` when taking it up failed. One without a sign of life for 45 s counts as broken. A tab that nobody looks at lets go of
 * it and takes it up when it is seen again. Throws a Problem where the server refuses (4xx).
 */
export async function followEvents(
  path: string,
  given: {
    after?: string;
    signal: AbortSignal;
    onEvent: (data: string, id: string | undefined, type: string | undefined) => void;
    onState?: (state: StreamState) => void;
  },
): Promise<void> {
  let last = given.after;
  let failures = 0;
  given.onState?.('connecting');
  for (;;) {
    await lookedAt.begins(given.signal);
    if (given.signal.aborted) return;
    const unseen = lookedAt.ends();
    let opened = Number.POSITIVE_INFINITY;
    try {
      const over = await listen(path, last, AbortSignal.any([given.signal, unseen]), {
        onOpen: () => {
          opened = performance.now();
          given.onState?.('open');
        },
        onEvent: (event) => {
          if (event.id !== undefined) last = event.id;
          given.onEvent(event.data, event.id, event.event);
        },
      });
      if (over) return;
    } catch (error) {
      if (given.signal.aborted) return;
      if ((error as { status?: number }).status && (error as { status: number }).status >= 400) throw error;
    }
    if (unseen.aborted) continue;
    if (performance.now() - opened > LIVED_MS) failures = 0;
    else {
      failures += 1;
      given.onState?.('lost');
    }
    const longest = Math.min(250 * 2 ** failures, LONGEST_PAUSE_MS);
    await pause(longest * (failures === 0 ? Math.random() : 0.5 + Math.random() / 2), given.signal);
  }
}

/** Refusals that pass. */
const AGAIN = new Set([408, 425, 429]);

/** One connection, until it ends or breaks; true when the server says that nothing more will come. */
async function listen(
  path: string,
  after: string | undefined,
  stop: AbortSignal,
  heard: { onOpen: () => void; onEvent: (event: EventSourceMessage) => void },
): Promise<boolean> {
  const silence = new AbortController();
  let timer: ReturnType<typeof setTimeout>;
  const alive = (): void => {
    clearTimeout(timer);
    // While somebody is asked to sign in again, nothing can be heard.
    timer = setTimeout(() => (sessionSignal.expired() ? alive() : silence.abort()), SILENCE_MS);
  };
  alive();
  try {
    const headers = new Headers({ accept: 'text/event-stream' });
    if (after !== undefined) headers.set('last-event-id', after);
    const signal = AbortSignal.any([stop, silence.signal]);
    const answer = await sessionFetch(new Request(`${baseUrl}${path}`, { headers, signal, cache: 'no-store' }));
    if (answer.status === 204) return true;
    if (answer.status >= 400 && answer.status < 500 && !AGAIN.has(answer.status))
      throw problemOf(answer.status, await answer.json().catch(() => undefined));
    if (!answer.ok || !answer.body) return false;
    heard.onOpen();
    const parser = createParser({ onEvent: heard.onEvent });
    const decoder = new TextDecoder();
    const reader = answer.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return false;
      alive();
      parser.feed(decoder.decode(value, { stream: true }));
    }
  } finally {
    clearTimeout(timer!);
    silence.abort();
  }
}

/** Ends early when the network or the person comes back. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  const end = (): void => over.abort();
  const seen = (): void => {
    if (document.visibilityState === 'visible') end();
  };
  const timer = setTimeout(end, ms);
  const { signal: heard } = over;
  window.addEventListener('online', end, { signal: heard });
  document.addEventListener('visibilitychange', seen, { signal: heard });
  signal.addEventListener('abort', end, { signal: heard });
  await new Promise<void>((go) => (signal.aborted ? go() : heard.addEventListener('abort', () => go())));
  clearTimeout(timer);
  over.abort();
}
