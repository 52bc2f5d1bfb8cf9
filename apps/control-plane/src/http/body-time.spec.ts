import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { expectLargeBody, limitBodies } from './body-time.js';

describe('the time a body has', () => {
  const BODY_MS = 500;
  const SILENCE_MS = 2_000;
  let server: Server;
  beforeEach(async () => {
    server = createServer((asked, response) => {
      limited(asked, response, () => {
        if (asked.url === '/large') expectLargeBody(asked, SILENCE_MS);
        let size = 0;
        asked.on('data', (data: Buffer) => {
          size += data.length;
        });
        asked.on('end', () => response.end(String(size)));
        asked.on('error', () => {});
      });
    });
    const limited = limitBodies(server, BODY_MS);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  /** Sends a piece every 100 ms, so many; then ends, or says nothing more. */
  const send = (path: string, pieces: number, end: boolean): Promise<string> =>
    new Promise((resolve) => {
      const { port } = server.address() as AddressInfo;
      const sending = request({ host: '127.0.0.1', port, path, method: 'POST' });
      sending.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      sending.on('response', (response) => response.on('data', (data) => resolve(String(data))));
      void (async () => {
        for (let piece = 0; piece < pieces && !sending.destroyed; piece++) {
          sending.write('x');
          await delay(100);
        }
        if (end) sending.end();
      })();
    });

  it('is limited as a whole: who drips holds no connection', async () => {
    expect(await send('/', 100, true)).toMatch(/ECONNRESET|EPIPE|socket hang up/);
  });

  it('does not end a short one', async () => {
    expect(await send('/', 1, true)).toBe('1');
  });

  it('goes on as long as a large file that is expected comes', async () => {
    expect(await send('/large', 15, true)).toBe('15');
  });

  it('ends when a large file comes no further', async () => {
    expect(await send('/large', 1, false)).toMatch(/ECONNRESET|EPIPE|socket hang up/);
  });
});
