/**
 * Where requests and the log-in meet. A request that hears "no session" waits here until the person has signed in
 * again and is then sent once more, so that work in a form is not lost to an expired session.
 */
type Listener = () => void;
let token: string | undefined;
let known = false;
let waiting: Listener[] = [];
const listeners = new Set<Listener>();
const tell = (): void => {
  for (const listener of listeners) listener();
};

export const sessionSignal = {
  /** Sent with every unsafe request (header x-csrf-token). */
  csrfToken: (): string | undefined => token,
  /** Somebody is signed in, with this CSRF token: whoever waited goes on. */
  opened(csrfToken: string | undefined): void {
    token = csrfToken;
    known = true;
    const released = waiting;
    waiting = [];
    for (const go of released) go();
    if (released.length > 0) tell();
  },
  /** Signed out on purpose, or never signed in: nobody waits. */
  closed(): void {
    token = undefined;
    known = false;
    waiting = [];
    tell();
  },
  /** Whether a session that was there has run out while somebody worked. */
  expired: (): boolean => waiting.length > 0,
  /** Waits until there is a session again; answers false at once where there never was one. */
  async again(signal?: AbortSignal | null): Promise<boolean> {
    if (!known) return false;
    await new Promise<void>((go, fail) => {
      waiting.push(go);
      signal?.addEventListener('abort', () => fail(signal.reason as Error), { once: true });
      tell();
    });
    return true;
  },
  subscribe: (listener: Listener): (() => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};
