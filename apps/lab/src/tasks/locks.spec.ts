import { Locks } from './locks.js';

const options = (signal = new AbortController().signal, timeoutMs = 5000) => ({
  timeoutMs,
  timeoutText: 'got timeout',
  signal,
});

describe('locks', () => {
  it('let one in at a time, in the order they came', async () => {
    const locks = new Locks();
    const seen: string[] = [];
    const work = (name: string) =>
      locks.run('a', options(), async () => {
        seen.push(`${name} in`);
        await new Promise((resolve) => setImmediate(resolve));
        seen.push(`${name} out`);
      });
    await Promise.all([work('1'), work('2'), work('3')]);
    expect(seen).toEqual(['1 in', '1 out', '2 in', '2 out', '3 in', '3 out']);
  });

  it('fail with their text after the time-out, and do not stay stuck', async () => {
    const locks = new Locks();
    let release: () => void = () => undefined;
    const first = locks.run(
      'a',
      options(),
      () =>
        new Promise<void>((resolve) => {
          release = resolve;
        }),
    );
    await expect(locks.run('a', options(undefined, 1), async () => undefined)).rejects.toThrow('got timeout');
    release();
    await first;
    expect(await locks.run('a', options(), async () => 'free')).toBe('free');
  });

  it('hear the abort signal while they wait', async () => {
    const locks = new Locks();
    let release: () => void = () => undefined;
    const first = locks.run(
      'a',
      options(),
      () =>
        new Promise<void>((resolve) => {
          release = resolve;
        }),
    );
    const abort = new AbortController();
    const second = locks.run('a', options(abort.signal), async () => 'never');
    abort.abort();
    await expect(second).rejects.toThrow();
    release();
    await first;
  });
});
