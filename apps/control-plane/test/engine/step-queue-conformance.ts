import type { Ring } from '../../src/application/runs/run-store.port.js';
import type { StepQueue } from '../../src/application/runs/step-queue.port.js';
import type { RunId, StepId } from '../../src/domain/ids.js';
import { eventually } from './eventually.js';

const ring = (step: string, epoch = 0): Ring => ({ run: 'run_1' as RunId, step: step as StepId, epoch });

/** What a user of any StepQueue may rely on. `open` gives an empty queue. */
export function stepQueueConformance(open: () => Promise<StepQueue>): void {
  let queue: StepQueue;
  beforeEach(async () => {
    queue = await open();
  });
  afterEach(() => queue.close());

  it('delivers a ring that was rung before anybody listened', async () => {
    const heard: Ring[] = [];
    await queue.ring(ring('guest.create:wiki.app', 3));
    await queue.consume(async (got) => void heard.push(got), 2);
    await eventually(() => expect(heard).toEqual([ring('guest.create:wiki.app', 3)]));
  });

  it('delivers a ring once while it waits, and again when it is rung after it was handled', async () => {
    const heard: Ring[] = [];
    await queue.ring(ring('a'));
    await queue.ring(ring('a'));
    await queue.ring(ring('a', 1));
    const consumer = await queue.consume(async (got) => void heard.push(got), 1);
    await eventually(() => expect(heard).toEqual([ring('a'), ring('a', 1)]));
    await eventually(async () => expect(await queue.counts()).toEqual({ waiting: 0, active: 0 }));
    await queue.ring(ring('a'));
    await eventually(() => expect(heard).toHaveLength(3));
    await consumer.close(1_000);
  });

  it('rings later when asked to', async () => {
    const heard: string[] = [];
    await queue.consume(async ({ step }) => void heard.push(step), 1);
    await queue.ring(ring('late'), 400);
    await queue.ring(ring('soon'));
    await eventually(() => expect(heard).toEqual(['soon', 'late']));
  });

  it('handles no more rings at a time than asked, and all of them in the end', async () => {
    let now = 0;
    let most = 0;
    let done = 0;
    await queue.consume(async () => {
      now += 1;
      most = Math.max(most, now);
      await new Promise((resolve) => setTimeout(resolve, 20));
      now -= 1;
      done += 1;
    }, 3);
    await Promise.all(Array.from({ length: 20 }, (_, i) => queue.ring(ring(`s${i}`))));
    await eventually(() => expect(done).toBe(20));
    expect(most).toBeLessThanOrEqual(3);
    expect(most).toBeGreaterThan(1);
  });

  it('goes on when a handler throws, and does not repeat its ring', async () => {
    const heard: string[] = [];
    await queue.consume(async ({ step }) => {
      heard.push(step);
      if (step === 'bad') throw new Error('handler');
    }, 1);
    await queue.ring(ring('bad'));
    await queue.ring(ring('good'));
    await eventually(() => expect(heard).toEqual(['bad', 'good']));
  });

  it('waits for running handlers when it closes, and takes no new rings', async () => {
    const ended: string[] = [];
    const consumer = await queue.consume(async ({ step }) => {
      await new Promise((resolve) => setTimeout(resolve, 200));
      ended.push(step);
    }, 1);
    await queue.ring(ring('first'));
    await queue.ring(ring('second'));
    await eventually(async () => expect((await queue.counts()).active).toBe(1));
    await consumer.close(5_000);
    expect(ended).toEqual(['first']);
    await queue.ring(ring('third'));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(ended).toEqual(['first']);
  });

  it('passes a canary when somebody listens, and says so when nobody does', async () => {
    await expect(queue.canary(500)).rejects.toMatchObject({ failure: { code: 'queue.unavailable' } });
    await queue.consume(async () => {}, 1);
    await queue.canary(10_000);
  });
}
