/**
 * What the run page costs in a real browser: how long a run of a thousand steps takes to be drawn from the moment its answer is
 * there; how long an event takes from the server's write to the screen while log lines pour in; how a hundred thousand lines
 * load, scroll and are searched. The server is a small one that answers as the control plane does, so that nothing else is
 * measured (bench/stream-bench of the control plane measures the way from the commit to the socket). Needs Chromium. After `npm run build`:
 * node dist/apps/dashboard/bench/screen-bench.js [--steps 1000] [--lines 500] [--log 100000] [--built dist/dashboard]
 * --built: another build, to compare two on the same machine; --profile file: a CPU profile of the drawing; --pictures folder.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Browser, chromium, type Page } from 'playwright-core';
import { AnsweringServer, stepId } from './answering-server.js';
import { ranks, say } from './figures.js';

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '1000' },
    lines: { type: 'string', default: '500' },
    log: { type: 'string', default: '100000' },
    built: { type: 'string', default: 'dist/dashboard' },
    rounds: { type: 'string', default: '9' },
    profile: { type: 'string' },
    pictures: { type: 'string' },
  },
});
const STEPS = Number(values.steps);
const LINES_PER_SECOND = Number(values.lines);
const LOG = Number(values.log);

const text = (line: number): string => `Setting up package ${line} of many (1.2.3-4) ...`;
const batchOf = (from: number, count: number): object => ({
  type: 'log',
  lines: Array.from({ length: count }, (_, at) => ({ at: Date.now(), stream: 'stdout', text: text(from + at) })),
});

/** From the answer about the run to a painted frame with the first nodes or rows: those that the screen has room for come at once. */
async function drawn(browser: Browser, view: 'graph' | 'table'): Promise<void> {
  const server = new AnsweringServer(STEPS, values.built);
  const base = await server.start();
  const context = await browser.newContext({ viewport: { width: view === 'graph' ? 1440 : 390, height: 900 } });
  const times: number[] = [];
  for (let round = 0; round < Number(values.rounds); round += 1) {
    const page = await context.newPage();
    await page.goto(`${base}/`);
    const cdp = values.profile ? await context.newCDPSession(page) : undefined;
    await cdp?.send('Profiler.enable');
    await cdp?.send('Profiler.start');
    await page.goto(`${base}/runs/run_1`);
    const painted = await page.evaluate(
      (selector) =>
        new Promise<number>((done) => {
          const look = (): void => {
            if (!document.querySelector(selector)) return void requestAnimationFrame(look);
            requestAnimationFrame(() => setTimeout(() => done(Date.now())));
          };
          look();
        }),
      view === 'graph' ? '.react-flow__node, [data-node]' : '[data-step]',
    );
    times.push(painted - server.answeredAt);
    const stopped = await cdp?.send('Profiler.stop');
    if (stopped) writeFileSync(`${values.profile}.${view}`, JSON.stringify(stopped.profile));
    await page.close();
  }
  say(`${STEPS} steps drawn as a ${view}: ${ranks(times)} after the answer`);
  await context.close();
  server.stop();
}

/** Events between log lines, from the server's write to the change of the page. */
async function shown(browser: Browser, view: 'graph' | 'table'): Promise<void> {
  const server = new AnsweringServer(STEPS, values.built);
  const base = await server.start();
  const page = await browser.newPage({ viewport: { width: view === 'graph' ? 1440 : 390, height: 900 } });
  await page.goto(`${base}/runs/run_1`);
  const selector = view === 'graph' ? '.react-flow__node, [data-node]' : '[data-step]';
  await page.locator(selector).first().waitFor();
  while (server.readers === 0) await delay(10);
  await delay(2_000);
  await page.evaluate((steps) => {
    const seen: Record<string, number> = {};
    Object.assign(globalThis, { seen });
    new MutationObserver(() => {
      for (const row of document.querySelectorAll(steps)) {
        const id = row.getAttribute('data-step') ?? row.getAttribute('data-node') ?? row.getAttribute('data-id') ?? '';
        if (!(id in seen) && row.textContent?.includes('running')) seen[id] = Date.now();
      }
    }).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
  }, selector);
  let line = 0;
  const lines = setInterval(() => {
    const count = Math.max(1, LINES_PER_SECOND / 20);
    server.send(0, batchOf(line, count));
    line += count;
  }, 50);
  // Steps that are in sight without scrolling: what is not, is not drawn.
  const sent: [string, number][] = [];
  for (let step = 1; step <= 40; step += 1) {
    const at = view === 'graph' ? (step % 4) * (STEPS / 20) + Math.floor(step / 4) : step % 8;
    if (sent.some(([id]) => id === stepId(at))) continue;
    sent.push([stepId(at), Date.now()]);
    server.send(at, { type: 'started', attempt: 1 });
    await delay(100);
  }
  await delay(3_000);
  clearInterval(lines);
  const seen = await page.evaluate(() => (globalThis as unknown as { seen: Record<string, number> }).seen);
  const waits = sent.flatMap(([id, when]) => (seen[id] === undefined ? [] : [seen[id] - when]));
  say(
    `an event on the screen (${view}) beside ${LINES_PER_SECOND} log lines a second: ${ranks(waits)}, ` +
      `${sent.length - waits.length} of ${sent.length} out of sight or lost`,
  );
  await page.close();
  server.stop();
}

/** Longest and usual time between two frames while something is done. */
const frames = (page: Page, ms: number): Promise<number[]> =>
  page.evaluate(
    (during) =>
      new Promise<number[]>((done) => {
        const times: number[] = [];
        const from = performance.now();
        let last = from;
        const frame = (): void => {
          const now = performance.now();
          times.push(now - last);
          last = now;
          if (now - from < during) requestAnimationFrame(frame);
          else done(times);
        };
        requestAnimationFrame(frame);
      }),
    ms,
  );

async function longLog(browser: Browser): Promise<void> {
  const recorder = new AnsweringServer(1, values.built);
  const history: string[] = [];
  for (let from = 0; from < LOG; from += 200) history.push(recorder.send(0, batchOf(from, Math.min(200, LOG - from))));
  recorder.stop();
  const server = new AnsweringServer(50, values.built, () => 'running', history);
  const base = await server.start();
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  await page.goto(`${base}/runs/run_1`);
  const log = page.locator('section[aria-label="Log"]');
  await log.waitFor();
  const from = Date.now();
  await log.getByText(text(LOG - 1)).waitFor({ timeout: 60_000 });
  say(`${LOG} log lines: the last one on the screen ${Date.now() - from} ms after the log was opened`);
  await log.evaluate((element) => {
    const step = (): void => {
      element.scrollTop += element.scrollTop > element.scrollHeight - 2_000 ? -1e9 : 997;
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  });
  say(`  scrolled: a frame takes ${ranks(await frames(page, 3_000))}`);
  const search = page.getByLabel('Search the log');
  const typed = Date.now();
  await search.fill(`package ${LOG - 7} of`);
  await page.getByText('one line', { exact: true }).waitFor();
  say(`  searched: ${Date.now() - typed} ms from the last key to the only line`);
  await search.fill('');
  await page.close();
  const second = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  await second.goto(`${base}/runs/run_1`);
  await second
    .locator('section[aria-label="Log"]')
    .getByText(text(LOG - 1))
    .waitFor({ timeout: 60_000 });
  let line = LOG;
  const timer = setInterval(() => {
    server.send(0, batchOf(line, 100));
    line += 100;
  }, 20);
  say(`  followed at 5000 lines a second: a frame takes ${ranks(await frames(second, 3_000))}`);
  clearInterval(timer);
  await second.close();
  server.stop();
}

async function pictures(browser: Browser, folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const states = ['succeeded', 'running', 'waiting', 'ready', 'failed', 'blocked', 'retrying'];
  const history: string[] = [];
  const recorder = new AnsweringServer(1, values.built);
  for (let from = 0; from < LOG; from += 200) history.push(recorder.send(from % 7, batchOf(from, 200)));
  recorder.stop();
  const stateOf = (at: number): string =>
    at < STEPS / 4 ? 'succeeded' : at < STEPS / 3 ? (states[at % 7] ?? '') : 'waiting';
  const server = new AnsweringServer(STEPS, values.built, stateOf, history);
  const base = await server.start();
  for (const width of [1440, 390]) {
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
      await page.goto(`${base}/runs/run_1`);
      await page.getByText(text(LOG - 1)).waitFor({ timeout: 60_000 });
      await delay(500);
      await page.screenshot({ path: join(folder, `run-${width}-${colorScheme}.png`), fullPage: true });
      await page
        .getByText(width === 390 ? 'Graph' : 'Table', { exact: true })
        .first()
        .click();
      await delay(500);
      await page.screenshot({ path: join(folder, `run-${width}-${colorScheme}-other.png`), fullPage: true });
      await page.close();
    }
  }
  server.stop();
}

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
try {
  if (values.pictures) await pictures(browser, values.pictures);
  else {
    for (const view of ['graph', 'table'] as const) await drawn(browser, view);
    if (!values.profile) {
      for (const view of ['graph', 'table'] as const) await shown(browser, view);
      await longLog(browser);
    }
  }
} finally {
  await browser.close();
}
process.exit(0);
