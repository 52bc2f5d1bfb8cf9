import { eventually } from '../../test/engine/eventually.js';
import type { EngineLog } from '../application/runs/engine-log.port.js';
import { Watchdog } from './watchdog.js';

describe('watchdog', () => {
  const settings = { everyMs: 10, stuckMs: 100, lagMs: 50 };
  let stuck = 0;
  let said: string[] = [];
  const note = (_fields: object, message: string): void => void said.push(message);
  const log: EngineLog = { info: note, warn: note, error: note };
  const barked = (): void => {
    stuck += 1;
  };
  const watch = (counts: () => Promise<{ waiting: number; active: number }>): Watchdog => {
    const dog = new Watchdog({ counts }, log, barked, settings);
    dog.start();
    return dog;
  };
  const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  beforeEach(() => {
    stuck = 0;
    said = [];
  });

  it('tells the owner when rings wait and nobody takes them', async () => {
    const dog = watch(async () => ({ waiting: 3, active: 0 }));
    await eventually(() => expect(stuck).toBeGreaterThan(0));
    dog.stop();
    expect(said).toContain('rings wait and no worker takes them');
  });

  it.each([
    ['rings are handled', async () => ({ waiting: 3, active: 1 })],
    ['there are none', async () => ({ waiting: 0, active: 0 })],
    ['the queue is away', async () => Promise.reject(new Error('away'))],
  ])('is quiet while %s', async (_when, counts) => {
    const dog = watch(counts);
    await pause(300);
    dog.stop();
    expect(stuck).toBe(0);
  });

  it('begins to count again when a ring was handled in between', async () => {
    let asked = 0;
    const dog = watch(async () => {
      asked += 1;
      return { waiting: 1, active: asked % 4 === 0 ? 1 : 0 };
    });
    await pause(300);
    dog.stop();
    expect(stuck).toBe(0);
  });

  it('says how long the event loop stood still', async () => {
    const dog = watch(async () => ({ waiting: 0, active: 0 }));
    await pause(40);
    const until = performance.now() + 200;
    while (performance.now() < until);
    await eventually(() => expect(said).toContain('event loop stood still'));
    dog.stop();
    expect(dog.lagMs).toBeGreaterThanOrEqual(0);
  });
});
