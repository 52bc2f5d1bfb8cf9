import { applyEvent, LogLines, MOST_LINES, percentOf, type RunStep, ShownLines } from './run-view.js';

const step: RunStep = {
  id: 'a',
  kind: 'guest.start',
  subject: 'a',
  label: 'A',
  state: 'waiting',
  after: [],
  layer: 0,
  weightMs: 1000,
  attempt: 0,
};
const entry = (seq: number, event: { type: string; [key: string]: unknown }) => ({
  seq,
  at: seq * 100,
  step: 'a',
  event,
});

describe('a step on the screen', () => {
  it('goes through a failed try to its end', () => {
    const events = [
      { type: 'unblocked' },
      { type: 'started', attempt: 1 },
      { type: 'progressed', percent: 40, text: 'copying' },
      { type: 'retry-scheduled', failure: { code: 'lock', message: 'locked' } },
      { type: 'started', attempt: 2 },
      { type: 'succeeded' },
    ];
    const seen = [step];
    for (const [at, event] of events.entries()) seen.push(applyEvent(seen.at(-1)!, entry(at + 1, event)));
    expect(seen.map(({ state }) => state)).toEqual([
      'waiting',
      'ready',
      'running',
      'running',
      'retrying',
      'running',
      'succeeded',
    ]);
    expect(seen[3]).toMatchObject({ percent: 40, text: 'copying' });
    expect(seen[4]?.failure).toEqual({ code: 'lock', message: 'locked' });
    expect(seen.at(-1)).toMatchObject({ attempt: 2, startedAt: 200, finishedAt: 600 });
    expect(seen.at(-1)?.failure).toBeUndefined();
  });

  it('is left as it is by an event that a newer server may send', () => {
    expect(applyEvent(step, entry(1, { type: 'polished' }))).toBe(step);
  });
});

describe('progress of a run', () => {
  const of = (state: RunStep['state'], more: Partial<RunStep> = {}): RunStep => ({ ...step, state, ...more });

  it('counts steps by what they are expected to take', () => {
    expect(percentOf([of('succeeded', { weightMs: 9000 }), of('waiting')], 0)).toBe(90);
    expect(percentOf([of('running', { percent: 50 }), of('waiting')], 0)).toBe(25);
  });

  it('is 100 only when every step has succeeded', () => {
    expect(percentOf([of('succeeded', { weightMs: 1_000_000 }), of('failed', { weightMs: 1 })], 0)).toBe(99);
    expect(percentOf([of('succeeded')], 0)).toBe(100);
  });
});

describe('the log on the screen', () => {
  const lines = (texts: string[]) => ({ type: 'log', lines: texts.map((text) => ({ at: 1, stream: 'stdout', text })) });

  it('has every line once, also when the stream repeats itself', () => {
    const log = new LogLines();
    expect(log.add(entry(1, lines(['one', 'two'])))).toBe(true);
    expect(log.add(entry(2, lines(['three'])))).toBe(true);
    expect(log.add(entry(1, lines(['one', 'two'])))).toBe(false);
    expect(log.lines.map(({ id, text }) => `${id} ${text}`)).toEqual(['1 one', '2 two', '3 three']);
  });

  it('keeps the newest hundred thousand', () => {
    const log = new LogLines();
    for (let seq = 1; seq <= 120; seq += 1)
      log.add(entry(seq, lines(Array.from({ length: 1000 }, (_, at) => `${seq}/${at}`))));
    expect(log.lines.length).toBeLessThanOrEqual(MOST_LINES + 5_000);
    expect(log.lines.at(-1)?.text).toBe('120/999');
    expect(log.dropped + log.lines.length).toBe(120_000);
  });

  it('is searched as it grows, also when old lines are dropped', () => {
    const log = new LogLines();
    const shown = new ShownLines();
    const found = () => shown.of(log, 'a', '7/99').map(({ text }) => text);
    for (let seq = 1; seq <= 120; seq += 1) {
      log.add(entry(seq, lines(Array.from({ length: 1000 }, (_, at) => `${seq}/${at}`))));
      expect(found()).toEqual(log.lines.filter(({ text }) => text.includes('7/99')).map(({ text }) => text));
    }
    expect(found()).toContain('117/99');
    expect(found()).not.toContain('7/99');
    expect(shown.of(log, 'b', '')).toEqual([]);
    expect(shown.of(log, undefined, '')).toBe(log.lines);
  });
});
