import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { eventually } from '../../../test/engine/eventually.js';
import { privateRedis } from '../../../test/engine/private-servers.js';
import { stepQueueConformance } from '../../../test/engine/step-queue-conformance.js';
import { SILENT_LOG } from '../../application/runs/engine-log.port.js';
import type { Ring } from '../../application/runs/run-store.port.js';
import type { RunId, StepId } from '../../domain/ids.js';
import { BullmqStepQueue } from './bullmq-step-queue.js';

const ring = (step: string): Ring => ({ run: 'run_1' as RunId, step: step as StepId, epoch: 0 });

describe('BullMQ step queue', () => {
  const redis = privateRedis();
  const open = (prefix = `t-${randomUUID()}`): Promise<BullmqStepQueue> =>
    BullmqStepQueue.open({ address: redis.url, log: SILENT_LOG, prefix });

  stepQueueConformance(() => open());

  it('refuses a Redis that may evict keys, and says what to set', async () => {
    const admin = new Redis(redis.url);
    await admin.config('SET', 'maxmemory-policy', 'allkeys-lru');
    try {
      await expect(open()).rejects.toMatchObject({
        problem: { code: 'queue.unavailable', remedy: 'Set maxmemory-policy to noeviction.' },
      });
    } finally {
      await admin.config('SET', 'maxmemory-policy', 'noeviction');
      admin.disconnect();
    }
  });

  it('keeps nothing of handled rings: the number of keys does not grow', async () => {
    const admin = new Redis(redis.url);
    const prefix = `flat-${randomUUID()}`;
    const queue = await open(prefix);
    let handled = 0;
    await queue.consume(async () => {
      handled += 1;
    }, 8);
    const keysAfter = async (count: number): Promise<number> => {
      for (let i = handled; i < count; i += 1) await queue.ring(ring(`s${i}`));
      await eventually(() => expect(handled).toBe(count));
      await eventually(async () => expect(await queue.counts()).toEqual({ waiting: 0, active: 0 }));
      return (await admin.keys(`${prefix}:*`)).length;
    };
    const few = await keysAfter(50);
    expect(await keysAfter(1_000)).toBeLessThanOrEqual(few + 2);
    expect(await admin.xlen(`${prefix}:steps:events`)).toBeLessThan(500);
    await queue.close();
    admin.disconnect();
  });

  it('refuses a payload above 1 KiB', async () => {
    const queue = await open();
    await expect(queue.ring(ring('x'.repeat(1_100)))).rejects.toThrow('1024 bytes');
    await queue.close();
  });

  it('names the workers, not Redis, when only they are missing', async () => {
    const queue = await open();
    await expect(queue.canary(300)).rejects.toMatchObject({
      failure: { code: 'queue.unavailable', message: 'No worker answers: none took a canary within 300 ms.' },
    });
    await queue.close();
  });

  it('says soon that Redis is away, and works again when it is back', async () => {
    const queue = await open();
    const heard: string[] = [];
    await queue.consume(async ({ step }) => void heard.push(step), 1);
    await redis.stop();
    await expect(queue.ring(ring('lost'))).rejects.toMatchObject({ failure: { code: 'queue.unavailable' } });
    await expect(queue.canary(300)).rejects.toMatchObject({
      failure: { code: 'queue.unavailable', message: expect.stringContaining('Redis') },
    });
    await redis.start();
    await eventually(() => queue.canary(2_000), 30_000);
    await queue.ring(ring('after'));
    await eventually(() => expect(heard).toEqual(['after']), 30_000);
    await queue.close();
  }, 60_000);
});
