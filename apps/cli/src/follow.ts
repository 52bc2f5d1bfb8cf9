import { createParser } from 'eventsource-parser';
import type { Connection } from './connection.js';
import { reach } from './connection.js';
import { EXIT, type ExitCode, Failure, take } from './failure.js';
import { duration, type Format, note, paint, print, safe } from './output.js';

interface Entry {
  readonly seq: number;
  readonly step?: string;
  readonly event: { readonly type: string; readonly [key: string]: unknown };
}

const TERMINAL: Readonly<Record<string, ExitCode>> = {
  'run-succeeded': EXIT.ok,
  'run-failed': EXIT.runFailed,
  'run-cancelled': EXIT.cancelled,
  'run-undone': EXIT.ok,
  'run-left': EXIT.runFailed,
};

/** How often a broken stream is taken up again before giving up. */
const RECONNECTS = 30;

/** Shows a run until it ends: steps, weights, estimate, the current log line. Takes up a broken stream where it was. */
export async function follow(
  connection: Connection,
  run: string,
  options: { format: Format; logs: boolean; after?: number },
): Promise<ExitCode> {
  const labels = new Map<string, string>();
  const detail = take(await connection.api.GET('/api/v1/runs/{id}', { params: { path: { id: run } } }));
  for (const step of detail.steps) labels.set(step.id, step.label);
  const screen = new ProgressLine(connection, run, options.format === 'text' && process.stdout.isTTY === true);
  let last = options.after ?? 0;
  let exit: ExitCode | undefined;
  for (let attempt = 0; exit === undefined; attempt += 1) {
    try {
      for await (const entry of stream(connection, run, last)) {
        attempt = 0;
        last = entry.seq;
        if (options.format === 'json') print(JSON.stringify(entry));
        else screen.entry(entry, labels, options.logs);
        if (entry.step === undefined && entry.event.type in TERMINAL) exit = TERMINAL[entry.event.type];
      }
      if (exit === undefined) {
        const now = take(await connection.api.GET('/api/v1/runs/{id}', { params: { path: { id: run } } }));
        if (now.run.lastSeq <= last && now.run.finishedAt !== undefined)
          exit =
            now.run.state === 'succeeded' || now.run.state === 'undone'
              ? EXIT.ok
              : now.run.state === 'cancelled'
                ? EXIT.cancelled
                : EXIT.runFailed;
      }
    } catch (error) {
      if (!(error instanceof Failure) || error.exit !== EXIT.unreachable || attempt >= RECONNECTS) throw error;
      if (attempt === 0) screen.say(paint.yellow('connection lost, trying again …'));
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }
  screen.end();
  if (options.format === 'text') await summary(connection, run);
  return exit;
}

async function* stream(connection: Connection, run: string, after: number): AsyncGenerator<Entry> {
  const response = await reach(connection.url)(
    new Request(`${connection.url}/api/v1/runs/${run}/events`, {
      headers: { ...connection.headers, 'last-event-id': String(after) },
    }),
  );
  if (!response.ok || !response.body) throw new Failure(EXIT.fault, `the control plane answered ${response.status}`);
  const waiting: Entry[] = [];
  const parser = createParser({
    onEvent: (event) => void (event.event === 'entry' && waiting.push(JSON.parse(event.data) as Entry)),
  });
  const decoder = new TextDecoder();
  try {
    for await (const chunk of response.body) {
      parser.feed(decoder.decode(chunk as Uint8Array, { stream: true }));
      while (waiting.length > 0) yield waiting.shift()!;
    }
  } catch (error) {
    throw new Failure(EXIT.unreachable, `the connection broke: ${(error as Error).message}`);
  }
}

/** One line that is drawn over on a terminal; plain lines elsewhere. */
class ProgressLine {
  #drawn = false;
  #running = new Map<string, string>();
  #percent = 0;
  #remaining: number | undefined;
  #asked = 0;

  constructor(
    private readonly connection: Connection,
    private readonly run: string,
    private readonly live: boolean,
  ) {}

  entry(entry: Entry, labels: ReadonlyMap<string, string>, logs: boolean): void {
    const { step, event } = entry;
    if (step === undefined) return;
    const label = labels.get(step) ?? step;
    switch (event.type) {
      case 'started':
        this.#running.set(step, label);
        if (!this.live)
          print(
            `${paint.cyan('▸')} ${safe(label)}${Number(event.attempt) > 1 ? paint.dim(` (start ${String(event.attempt)})`) : ''}`,
          );
        break;
      case 'succeeded':
        this.#running.delete(step);
        this.say(`${paint.green('✓')} ${safe(label)} ${paint.dim(duration(Number(event.durationMs)))}`);
        break;
      case 'failed':
      case 'quarantined':
        this.#running.delete(step);
        this.say(`${paint.red('✗')} ${safe(label)}: ${safe(messageOf(event))}`);
        break;
      case 'retry-scheduled':
        this.#running.delete(step);
        this.say(`${paint.yellow('↻')} ${safe(label)}: ${safe(messageOf(event))}`);
        break;
      case 'waited':
        this.#running.set(step, `${label}: waiting for ${String(event.what)}`);
        break;
      case 'progressed':
        this.#running.set(step, `${label}: ${String(event.text)} (${String(event.percent)} %)`);
        break;
      case 'log':
        for (const line of event.lines as { text: string }[]) {
          if (logs) this.say(`${paint.dim(`  ${safe(step)} │`)} ${safe(line.text)}`);
          else this.#running.set(step, `${label}: ${line.text}`);
        }
        break;
      default:
        break;
    }
    this.#draw();
  }

  say(text: string): void {
    this.#clear();
    print(text);
    this.#draw();
  }

  end(): void {
    this.#clear();
  }

  #draw(): void {
    if (!this.live) return;
    this.#ask();
    this.#clear();
    const current = [...this.#running.values()].map(safe).join(' · ');
    const left = this.#remaining === undefined ? '' : `, about ${duration(this.#remaining)} left`;
    const width = Math.max(20, (process.stdout.columns || 80) - 2);
    process.stdout.write(`${Math.round(this.#percent)} %${left}  ${current}`.slice(0, width));
    this.#drawn = true;
  }

  #clear(): void {
    if (this.#drawn) process.stdout.write('\r\u001b[2K');
    this.#drawn = false;
  }

  /** Weighted progress comes from the server, at most once a second. */
  #ask(): void {
    if (Date.now() - this.#asked < 1000) return;
    this.#asked = Date.now();
    this.connection.api
      .GET('/api/v1/runs/{id}', { params: { path: { id: this.run } } })
      .then(({ data }) => {
        this.#percent = data?.progress.percent ?? this.#percent;
        this.#remaining = data?.progress.remainingMs;
      })
      .catch(() => undefined);
  }
}

const messageOf = (event: Entry['event']): string => {
  const problem = event.problem as { message?: string; remedy?: string } | undefined;
  const failure = event.failure as { message?: string } | undefined;
  return problem?.message ?? failure?.message ?? `started ${String(event.starts ?? '')} times without an end`;
};

/** The failure card: what happened, what was touched, the ways out with the command for each. */
async function summary(connection: Connection, run: string): Promise<void> {
  const { run: state, steps } = take(await connection.api.GET('/api/v1/runs/{id}', { params: { path: { id: run } } }));
  const took = state.finishedAt === undefined ? '' : ` after ${duration(state.finishedAt - state.createdAt)}`;
  print(
    `${state.state === 'succeeded' ? paint.green('succeeded') : paint.red(state.state)}${took}: ${state.operation} of ${state.stackName} (${state.id})`,
  );
  if (state.state !== 'failed') return;
  for (const step of steps.filter((entry) => entry.state === 'failed' || entry.state === 'quarantined')) {
    const failure = step.failure as { message?: string; hint?: string; details?: { tail?: string[] } } | undefined;
    const problem = step.problem as { message?: string; remedy?: string } | undefined;
    print(`\n${paint.red('✗')} ${paint.bold(safe(step.label))}`);
    print(`  ${safe(problem?.message ?? failure?.message ?? '')}`);
    for (const line of (failure?.details?.tail ?? []).slice(-8)) print(paint.dim(`  │ ${safe(line)}`));
    if (problem?.remedy ?? failure?.hint)
      print(`  ${paint.green('way out:')} ${safe(problem?.remedy ?? failure?.hint ?? '')}`);
  }
  const blocked = steps.filter((entry) => entry.state === 'blocked').length;
  if (blocked > 0) print(`\n${blocked} step(s) below it were not started.`);
  note(
    `\nretry from here:  bastide run retry ${run}\nundo the install: bastide run undo ${run}\nleave as it is:   bastide run leave ${run}`,
  );
}
