/**
 * Whether anybody looks at this tab. A browser opens six connections to an HTTP/1.1 host, over all of its tabs: a stream in each
 * of seven tabs would leave none for ordinary requests. So a tab that nobody looks at lets go of what it holds: after a while,
 * for whoever only glanced elsewhere, and at once when another tab of the dashboard is looked at instead.
 */
const GRACE_MS = 15_000;

let unseen = new AbortController();
const waiting = new Set<() => void>();
let timer: ReturnType<typeof setTimeout> | undefined;
/** Tabs tell each other `here` (somebody looks at me) and `left` (is anybody looking at one of you?). */
const tabs = new BroadcastChannel('bastide.looked-at');
const visible = (): boolean => document.visibilityState === 'visible';

const letGo = (): void => {
  clearTimeout(timer);
  unseen.abort();
};

const changed = (): void => {
  clearTimeout(timer);
  tabs.postMessage(visible() ? 'here' : 'left');
  if (!visible()) timer = setTimeout(letGo, GRACE_MS);
  else if (unseen.signal.aborted) {
    unseen = new AbortController();
    for (const go of waiting) go();
  }
};

tabs.onmessage = ({ data }) => {
  if (data === 'left' && visible()) tabs.postMessage('here');
  if (data === 'here' && !visible()) letGo();
};
document.addEventListener('visibilitychange', changed);
// A tab that was opened in the background has not been looked at yet.
if (visible()) changed();
else letGo();

export const lookedAt = {
  /** Aborted when nobody looks any more and the connection is needed elsewhere; a new one whenever somebody looks again. */
  ends: (): AbortSignal => unseen.signal,
  /** Resolves when somebody looks, at once where they do, or when the signal aborts. */
  async begins(signal: AbortSignal): Promise<void> {
    if (signal.aborted || !unseen.signal.aborted) return;
    await new Promise<void>((go) => {
      const done = (): void => {
        waiting.delete(done);
        signal.removeEventListener('abort', done);
        go();
      };
      waiting.add(done);
      signal.addEventListener('abort', done);
    });
  },
};
