/**
 * How long an event takes from its commit in PostgreSQL to the painted screen, the whole way as one figure: a run of a thousand
 * steps is followed in Chromium, its first step prints log lines, others start and are handed over. This process plays the
 * worker; the API and the servers are processes of their own, private ones, gone afterwards. Told for the state of a step (in
 * the graph and in the table) and for the lines of the log; and where the time goes. After `npm run build`:
 * node dist/apps/dashboard/bench/commit-to-screen-bench.js [--steps 1000] [--lines 500] [--events 300]
 */
import 'reflect-metadata';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { LoneServers } from '../../control-plane/test/engine/lone-servers.js';
import { WrittenRun } from '../../control-plane/test/engine/written-run.js';
import { ApiProcess } from '../test/api-process.js';
import { ranks, say } from './figures.js';

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '1000' },
    lines: { type: 'string', default: '500' },
    events: { type: 'string', default: '300' },
  },
});
const STEPS = Number(values.steps);
const LINES_PER_SECOND = Number(values.lines);
/** So many that each step ends as it began. */
const EVENTS = 8 * Math.ceil(Number(values.events) / 8);
/** As the journal of a step does. */
const BATCH_MS = 100;
/** Steps that change: those that are in sight without scrolling. */
const IN_SIGHT = [1, 2, 3, 4];

type Moments = Record<string, { heard?: number; drawn?: number; painted?: number }>;
type Watching = typeof globalThis & { moments: Moments };

/** Runs in the page: when an entry of the log was heard, when its words stood in the document, and when that was painted. */
function watch(): void {
  const page = globalThis as Watching;
  page.moments = {};
  const painted = (key: string): void => {
    requestAnimationFrame(() => {
      const after = new MessageChannel();
      after.port1.onmessage = () => {
        page.moments[key] = { ...page.moments[key], painted: Date.now() };
      };
      after.port2.postMessage(undefined);
    });
  };
  const seen = (key: string): void => {
    if (page.moments[key]?.drawn) return;
    page.moments[key] = { ...page.moments[key], drawn: Date.now() };
    painted(key);
  };
  const counts: Record<string, { word: string; count: number }> = {};
  const heard: Record<string, number> = {};
  const parse = JSON.parse;
  JSON.parse = (...given: Parameters<typeof parse>): unknown => {
    const entry = parse(...given) as { step?: string; event?: { type?: string } } | null;
    const word = { started: 'running', 'handed-over': 'ready' }[entry?.event?.type ?? ''];
    if (entry?.step && word) {
      const count = (heard[entry.step] ?? 1) + 1;
      heard[entry.step] = count;
      const key = `${entry.step} ${word} ${count}`;
      page.moments[key] = { ...page.moments[key], heard: Date.now() };
    }
    return entry;
  };
  const look = (element: Element): void => {
    const holder = element.closest('[data-node], [data-step]');
    if (holder) {
      const id = holder.getAttribute('data-node') ?? holder.getAttribute('data-step') ?? '';
      const word = /running|ready/.exec(holder.textContent ?? '')?.[0] ?? '';
      const last = counts[id] ?? { word: '', count: 0 };
      if (word === '' || word === last.word) return;
      counts[id] = { word, count: last.count + 1 };
      seen(`${id} ${word} ${counts[id].count}`);
    }
    for (const line of element.querySelectorAll('bdi')) {
      const batch = /^batch (\d+) last/.exec(line.textContent ?? '');
      if (batch) seen(`batch ${batch[1]}`);
    }
  };
  for (const element of document.querySelectorAll('[data-node], [data-step]')) look(element);
  new MutationObserver((changes) => {
    for (const { target, addedNodes } of changes) {
      const element = target instanceof Element ? target : target.parentElement;
      if (element?.closest('[data-node], [data-step]')) look(element);
      for (const added of addedNodes) if (added instanceof Element) look(added);
    }
  }).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
}

/** Everything that is written, with the moment at which it was committed, by what the page will call it. */
async function write(run: WrittenRun): Promise<ReadonlyMap<string, number>> {
  const committed = new Map<string, number>();
  let going = true;
  const lines = (async () => {
    for (let batch = 0, from = Date.now(); going; batch += 1) {
      const count = Math.max(1, Math.round((LINES_PER_SECOND * BATCH_MS) / 1_000));
      const texts = Array.from({ length: count }, (_, at) => `Setting up package ${batch}/${at} of many (1.2.3-4) ...`);
      await run.print([...texts.slice(1), `batch ${batch} last`]);
      committed.set(`batch ${batch}`, Date.now());
      from += BATCH_MS;
      await delay(Math.max(0, from - Date.now()));
    }
  })();
  // The page knows them as waiting for a worker; that is their first word.
  const counts = new Map<number, number>(IN_SIGHT.map((step) => [step, 1]));
  for (let event = 0; event < EVENTS; event += 1) {
    const step = IN_SIGHT[event % IN_SIGHT.length] as number;
    const word = await run.toggle(step);
    const at = Date.now();
    const count = (counts.get(step) ?? 0) + 1;
    counts.set(step, count);
    committed.set(`s${step} ${word} ${count}`, at);
    // Uneven, so that no event keeps step with a timer or a frame.
    await delay(60 + Math.random() * 60);
  }
  going = false;
  await lines;
  return committed;
}

async function measure(page: Page, run: WrittenRun, base: string, view: 'Graph' | 'Table'): Promise<void> {
  await page.goto(`${base}/runs/${run.id}`);
  await page.getByText(view, { exact: true }).first().click();
  await page
    .locator(view === 'Graph' ? '[data-node]' : '[data-step]')
    .first()
    .waitFor();
  await delay(2_000);
  await page.evaluate(watch);
  const committed = await write(run);
  await delay(2_000);
  const moments = await page.evaluate(() => (globalThis as Watching).moments);
  const waits = (of: RegExp, moment: 'heard' | 'drawn' | 'painted'): number[] =>
    [...committed].flatMap(([key, at]) => {
      const seen = of.test(key) ? moments[key]?.[moment] : undefined;
      return seen === undefined ? [] : [seen - at];
    });
  const all = [...committed.keys()].filter((key) => /^s\d/.test(key)).length;
  const painted = waits(/^s\d/, 'painted');
  say(`from the commit to the painted ${view.toLowerCase()}, the state of a step: ${ranks(painted)}`);
  say(`  to the page's code: ${ranks(waits(/^s\d/, 'heard'))}`);
  say(`  to the document: ${ranks(waits(/^s\d/, 'drawn'))}; not seen: ${all - painted.length} of ${all}`);
  say(`  lines of the log, painted: ${ranks(waits(/^batch/, 'painted'))}`);
}

async function main(): Promise<void> {
  const servers = new LoneServers();
  const { databaseUrl, redisUrl, directory: state } = servers;
  const api = new ApiProcess({ databaseUrl, redisUrl, state });
  let run: WrittenRun | undefined;
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
  });
  try {
    await servers.start();
    await api.start();
    run = await WrittenRun.start(databaseUrl, STEPS);
    const context: BrowserContext = await browser.newContext({
      viewport: { width: 1440, height: 900 },
      locale: 'en-GB',
    });
    const page = await context.newPage();
    await api.welcome(page);
    say(`a run of ${STEPS} steps beside ${LINES_PER_SECOND} log lines a second`);
    for (const view of ['Graph', 'Table'] as const) await measure(page, run, api.base, view);
  } finally {
    await browser.close();
    await api.stop();
    await run?.close();
    await servers.stop();
  }
}

await main();
process.exit(0);
