import { createParser } from 'eventsource-parser';
import { baseUrl, sessionFetch } from './client.js';
import { problemOf } from './problem.js';

/** How the stream is: `open` while lines come, `lost` while it tries again. */
export type StreamState = 'connecting' | 'open' | 'lost';

const SILENCE_MS = 45_000;

/**
 * Follows a stream of server-sent events until the signal ends it or the server says 204 (over). A stream that breaks is
 * taken up after the last id that was seen, with growing pauses up to 10 s; one without a sign of life for 45 s counts as broken.
 * Throws a Problem where the server refuses (4xx).
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
  while (!given.signal.aborted) {
    given.onState?.(failures === 0 ? 'connecting' : 'lost');
    const attempt = new AbortController();
    const signal = AbortSignal.any([given.signal, attempt.signal]);
    let timer = setTimeout(() => attempt.abort(), SILENCE_MS);
    try {
      const headers = new Headers({ accept: 'text/event-stream' });
      if (last !== undefined) headers.set('last-event-id', last);
      const answer = await sessionFetch(new Request(`${baseUrl}${path}`, { headers, signal, cache: 'no-store' }));
      if (answer.status === 204) return;
      if (answer.status >= 400 && answer.status < 500 && answer.status !== 429)
        throw problemOf(answer.status, await answer.json().catch(() => undefined));
      if (answer.ok && answer.body) {
        given.onState?.('open');
        const parser = createParser({
          onEvent: (event) => {
            failures = 0;
            if (event.id !== undefined) last = event.id;
            given.onEvent(event.data, event.id, event.event);
          },
        });
        const decoder = new TextDecoder();
        const reader = answer.body.getReader();
        for (;;) {
          const { done, value } = await reader.read();
          if (done) break;
          clearTimeout(timer);
          timer = setTimeout(() => attempt.abort(), SILENCE_MS);
          parser.feed(decoder.decode(value, { stream: true }));
        }
      }
    } catch (error) {
      if (given.signal.aborted) return;
      if ((error as { status?: number }).status && (error as { status: number }).status >= 400) throw error;
    } finally {
      clearTimeout(timer);
      attempt.abort();
    }
    failures++;
    given.onState?.('lost');
    await new Promise<void>((go) => {
      const wake = (): void => {
        clearTimeout(pause);
        given.signal.removeEventListener('abort', wake);
        go();
      };
      const pause = setTimeout(wake, Math.min(250 * 2 ** failures, 10_000));
      given.signal.addEventListener('abort', wake);
    });
  }
}
