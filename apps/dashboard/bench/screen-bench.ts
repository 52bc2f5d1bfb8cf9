/**
 * What the run page costs in a real browser: how long a run of a thousand steps takes to be drawn from the moment its answer
 * is there, and how long an event takes from the server's write to the screen, while log lines pour in. The server is a small
 * one that answers as the control plane does, so that nothing else is measured. Needs Chromium. After `npm run build`:
 * node dist/apps/dashboard/bench/screen-bench.js [--steps 1000] [--lines 500]
 */
import { readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { extname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const { values } = parseArgs({
  options: { steps: { type: 'string', default: '1000' }, lines: { type: 'string', default: '500' } },
});
const STEPS = Number(values.steps);
const LINES_PER_SECOND = Number(values.lines);
const LAYERS = 20;
const BUILT = 'dist/dashboard';
const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};

const stepId = (at: number): string => `hook.run:part${at}:install`;
const run = {
  id: 'run_1',
  plan: 'pln_1',
  stack: 'stk_1',
  stackName: 'office',
  site: 'town',
  operation: 'install',
  state: 'running',
  createdAt: Date.now(),
  actor: 'ada',
  lastSeq: 1,
};
const steps = Array.from({ length: STEPS }, (_, at) => ({
  id: stepId(at),
  label: `Install part ${at}`,
  state: 'waiting',
  after: at < LAYERS ? [] : [stepId(at - LAYERS)],
  layer: Math.floor(at / (STEPS / LAYERS)),
  weightMs: 1_000,
  attempt: 0,
}));
const account = {
  id: 'acc_1',
  name: 'ada',
  displayName: 'Ada',
  roles: [{ role: 'admin', site: null }],
  disabled: false,
  passwordTemporary: false,
  twoFactor: { totp: false },
  createdAt: 0,
};
const answers: Readonly<Record<string, unknown>> = {
  '/api/v1/session': { account, csrfToken: 'x', firstRun: false },
  '/api/v1/runs/run_1': {
    run,
    steps,
    progress: { percent: 0 },
    touched: [],
    decisions: { cancel: true, retry: false, undo: false, leave: false },
    estimateMs: 100_000,
  },
};

let stream: ServerResponse | undefined;
let answeredAt = 0;
const server = createServer((request, response) => {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost');
  if (pathname.endsWith('/events')) {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write(': open\n\n');
    stream = response;
    return;
  }
  const answer = answers[pathname];
  if (answer !== undefined) {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer));
    if (pathname.includes('/runs/')) answeredAt = Date.now();
    return;
  }
  const file = extname(pathname) === '' ? 'index.html' : pathname.slice(1);
  try {
    const body = readFileSync(join(BUILT, file));
    response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'text/html' }).end(body);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
const { port } = server.address() as { port: number };

let seq = 1;
const send = (step: number, event: object): void => {
  seq += 1;
  const entry = { run: 'run_1', seq, at: Date.now(), step: stepId(step), event };
  stream?.write(`id: ${seq}\nevent: entry\ndata: ${JSON.stringify(entry)}\n\n`);
};
const at = (sorted: readonly number[], share: number): number => sorted[Math.floor((sorted.length - 1) * share)] ?? 0;
const say = (text: string): void => void process.stdout.write(`${text}\n`);

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
try {
  for (const view of ['graph', 'table'] as const) {
    const context = await browser.newContext({ viewport: { width: view === 'graph' ? 1440 : 390, height: 900 } });
    const drawn: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      const page = await context.newPage();
      await page.goto(`http://127.0.0.1:${port}/`);
      await page.goto(`http://127.0.0.1:${port}/runs/run_1`);
      // A painted frame after the first node or row is there: those that the screen has room for come at once.
      const painted = await page.evaluate(
        (selector) =>
          new Promise<number>((done) => {
            const look = (): void => {
              if (!document.querySelector(selector)) return void requestAnimationFrame(look);
              requestAnimationFrame(() => setTimeout(() => done(Date.now())));
            };
            look();
          }),
        view === 'graph' ? '.react-flow__node' : '[data-step]',
      );
      drawn.push(painted - answeredAt);
      await page.close();
    }
    drawn.sort((a, b) => a - b);
    say(`${STEPS} steps drawn as a ${view}: median ${at(drawn, 0.5)} ms, longest ${drawn.at(-1)} ms after the answer`);
    await context.close();
  }

  const page = await browser.newPage({ viewport: { width: 390, height: 900 } });
  await page.goto(`http://127.0.0.1:${port}/runs/run_1`);
  await page.locator('[data-step]').first().waitFor();
  while (!stream) await delay(10);
  await page.evaluate(() => {
    const seen: Record<string, number> = {};
    Object.assign(globalThis, { seen });
    new MutationObserver(() => {
      for (const row of document.querySelectorAll('[data-step]')) {
        const id = row.getAttribute('data-step') ?? '';
        if (!(id in seen) && row.textContent?.includes('running')) seen[id] = Date.now();
      }
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
  const lines = setInterval(() => {
    const batch = Array.from({ length: Math.max(1, LINES_PER_SECOND / 20) }, (_, line) => ({
      at: Date.now(),
      stream: 'stdout',
      text: `Setting up package ${line} of many (1.2.3-4) ...`,
    }));
    send(0, { type: 'log', lines: batch });
  }, 50);
  const sent: [string, number][] = [];
  for (let step = 1; step <= 60; step += 1) {
    sent.push([stepId(step), Date.now()]);
    send(step, { type: 'started', attempt: 1 });
    await delay(100);
  }
  await delay(1_000);
  clearInterval(lines);
  const seen = await page.evaluate(() => (globalThis as unknown as { seen: Record<string, number> }).seen);
  const waits = sent.map(([id, when]) => (seen[id] ?? Number.POSITIVE_INFINITY) - when).sort((a, b) => a - b);
  say(
    `an event on the screen beside ${LINES_PER_SECOND} log lines a second: median ${at(waits, 0.5)} ms, p99 ${at(waits, 0.99)} ms, ` +
      `${waits.filter((wait) => !Number.isFinite(wait)).length} lost`,
  );
} finally {
  await browser.close();
  stream?.destroy();
  server.close();
}
process.exit(0);
