import type { LogLine } from '../../domain/run/run.js';
import { SILENT_LOG } from './engine-log.port.js';
import type { Lease, RunStore } from './run-store.port.js';
import { StepJournal } from './step-journal.js';

type Batch = Parameters<RunStore['append']>[1];

const lease = { run: 'run_1', step: 'a', epoch: 1, holder: 'w' } as Lease;
const settings = { flushMs: 1, maxLineLength: 100, maxLines: 50_000 };
const lines = (from: number, count: number, text = ''): LogLine[] =>
  Array.from({ length: count }, (_, at) => ({ at: 0, stream: 'stdout', text: `${from + at}${text}` }));
const logged = (batches: readonly Batch[]): string[] =>
  batches.flat().flatMap((entry) => (entry.type === 'log' ? entry.lines.map(({ text }) => text) : []));
const soon = (ms = 5): Promise<void> => new Promise((done) => setTimeout(done, ms));

describe('the journal of a step', () => {
  it('writes every line once and in order, one batch at a time, and the rest at its end', async () => {
    const batches: Batch[] = [];
    let writing = 0;
    const append = async (_: Lease, batch: Batch): Promise<boolean> => {
      writing += 1;
      expect(writing).toBe(1);
      await soon();
      batches.push(batch);
      writing -= 1;
      return true;
    };
    const journal = new StepJournal({ append }, lease, SILENT_LOG, settings);
    for (let round = 0; round < 20; round += 1) {
      journal.log(lines(round * 30, 30));
      if (round % 3 === 0) await soon(2);
    }
    await journal.close();
    expect(logged(batches)).toEqual(lines(0, 600).map(({ text }) => text));
    expect(batches.length).toBeLessThan(20);
  });

  it('keeps an entry small, however long the lines are', async () => {
    const batches: Batch[] = [];
    const append = async (_: Lease, batch: Batch): Promise<boolean> => batches.push(batch) > 0;
    const journal = new StepJournal({ append }, lease, SILENT_LOG, { ...settings, maxLineLength: 5_000 });
    journal.log(lines(0, 300));
    journal.log(lines(300, 100, 'x'.repeat(4_000)));
    journal.log([{ at: 0, stream: 'stderr', text: 'y'.repeat(9_000) }]);
    await journal.close();
    for (const entry of batches.flat()) {
      const told = entry.type === 'log' ? entry.lines : [];
      expect(told.length).toBeLessThanOrEqual(200);
      expect(told.reduce((sum, { text }) => sum + text.length, 0)).toBeLessThanOrEqual(65_536);
    }
    expect(logged(batches).at(-1)).toBe(`${'y'.repeat(5_000)} … (4000 more)`);
  });

  it('says how many lines a database that hangs has cost, where they are missing', async () => {
    const batches: Batch[] = [];
    let free = (): void => undefined;
    const hanging = new Promise<void>((done) => {
      free = done;
    });
    const append = async (_: Lease, batch: Batch): Promise<boolean> => {
      await hanging;
      batches.push(batch);
      return true;
    };
    const journal = new StepJournal({ append }, lease, SILENT_LOG, settings);
    journal.log(lines(0, 10));
    await soon(20);
    journal.log(lines(10, 7_000));
    free();
    await soon(20);
    journal.log(lines(7_010, 1));
    await journal.close();
    const texts = logged(batches);
    expect(texts.slice(0, 5_010)).toEqual(lines(0, 5_010).map(({ text }) => text));
    expect(texts.slice(5_010)).toEqual(['2000 lines lost: the database did not take them', '7010']);
  });

  it('ends with a note where a step prints without end', async () => {
    const batches: Batch[] = [];
    const append = async (_: Lease, batch: Batch): Promise<boolean> => batches.push(batch) > 0;
    const journal = new StepJournal({ append }, lease, SILENT_LOG, { ...settings, maxLines: 20 });
    journal.log(lines(0, 100));
    await journal.close();
    expect(logged(batches)).toHaveLength(21);
    expect(logged(batches).at(-1)).toContain('log cut');
  });
});
