import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { jest } from '@jest/globals';
import type { Response } from 'express';
import type { LogEntry } from '../domain/run/run.js';
import type { PrincipalRequest } from './acts.js';
import { EventStream } from './event-stream.js';

const portion = (seq: number, text = ''): LogEntry[] => [
  { run: 'run_1', seq, at: 0, step: 'a', event: { type: 'log', lines: [{ at: 0, stream: 'stdout', text }] } } as never,
];

describe('a stream of events', () => {
  it('takes no more from its source than the reader takes, and the reader gets all of it', async () => {
    const big = 'x'.repeat(100_000);
    let pulled = 0;
    async function* source(): AsyncGenerator<LogEntry[]> {
      while (pulled < 300) {
        pulled += 1;
        yield portion(pulled, big);
      }
    }
    const server = http.createServer((request, response) => {
      void new EventStream(request as unknown as PrincipalRequest, response as unknown as Response).pipe(source());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const [answer] = (await once(http.get({ port, host: '127.0.0.1', agent: false }), 'response')) as [
      http.IncomingMessage,
    ];
    try {
      expect(answer.headers).toMatchObject({
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store, no-transform',
        'x-accel-buffering': 'no',
      });
      answer.pause();
      let before = -1;
      while (pulled !== before) {
        before = pulled;
        await new Promise((done) => setTimeout(done, 200));
      }
      expect(pulled).toBeLessThan(300);
      answer.setEncoding('utf8');
      let text = '';
      for await (const chunk of answer) text += chunk as string;
      const ids = [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
      expect(ids).toEqual(Array.from({ length: 300 }, (_, at) => at + 1));
      expect(text.endsWith('event: end\ndata: \n\n')).toBe(true);
    } finally {
      answer.destroy();
      server.close();
    }
  });

  describe('while nothing happens', () => {
    const silence = (signal: AbortSignal): AsyncIterable<LogEntry[]> => ({
      [Symbol.asyncIterator]: () => ({
        next: () =>
          new Promise((done) => signal.addEventListener('abort', () => done({ done: true, value: undefined }))),
      }),
    });
    const opened = (stillAllowed: () => Promise<boolean>) => {
      const response = new PassThrough() as PassThrough & { writeHead?: () => void; text: string };
      response.writeHead = () => undefined;
      response.text = '';
      response.on('data', (data: Buffer) => (response.text += data.toString()));
      const stream = new EventStream({ stillAllowed } as never, response as unknown as Response);
      const over = stream.pipe(silence(stream.signal));
      return { response, over };
    };
    beforeEach(() => {
      jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate'] });
    });
    afterEach(() => {
      jest.useRealTimers();
    });

    it('gives a sign of life', async () => {
      const { response } = opened(async () => true);
      await jest.advanceTimersByTimeAsync(50_000);
      expect(response.text.match(/^: alive$/gm)).toHaveLength(3);
      response.destroy();
    });

    it('ends when who listens may not any more, without saying that nothing follows', async () => {
      let allowed = true;
      const { response, over } = opened(async () => allowed);
      await jest.advanceTimersByTimeAsync(20_000);
      expect(response.writableEnded).toBe(false);
      allowed = false;
      await jest.advanceTimersByTimeAsync(15_000);
      await over;
      expect(response.writableEnded).toBe(true);
      expect(response.text).not.toContain('event: end');
    });

    it('stays open while nobody can tell who may', async () => {
      const { response } = opened(() => Promise.reject(new Error('the database is away')));
      await jest.advanceTimersByTimeAsync(20_000);
      expect(response.writableEnded).toBe(false);
      response.destroy();
    });
  });
});
