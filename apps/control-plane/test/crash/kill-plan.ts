import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { StepKind } from '../../src/domain/plan/steps.js';

/**
 * Where a step can be when its worker dies. `claimed`: its start is committed and nothing is begun; `asking`: it is written
 * down which guest it is about to ask for; `untold`: its outside task exists and nobody wrote that down; `told`: it is written down; `hooked`: the hook runs on the guest; `done`: all
 * is done and its end is not committed; `committed`: its end is committed and nobody was rung.
 */
export type KillPoint = 'claimed' | 'asking' | 'untold' | 'told' | 'hooked' | 'done' | 'committed';

/** Step → points, in one form for steps and for the units that are named after them. */
export type Kills = Readonly<Record<string, readonly KillPoint[]>>;

export interface Death {
  readonly at: number;
  /** `<point> <step>` */
  readonly points: readonly string[];
}

/** Nothing new came to a halt for so long: all that can be in the worker's hands is where it should be. */
const QUIET_MS = 120;

const ON_THE_WAY: readonly KillPoint[] = ['asking', 'untold', 'told', 'hooked'];

/** A unit is `bastide-<run>-<step>-<attempt>` with dashes for what units may not be called. */
const keyOf = (what: string): string =>
  what
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^bastide-run-[a-z0-9]+-(.*)-\d+$/, '$1');

/** What lies between a step's two events, by what the step does outside. */
const INNER: Partial<Record<StepKind, readonly KillPoint[]>> = {
  'guest.create': ['asking', 'untold', 'told', 'done'],
  'guest.start': ['untold', 'told', 'done'],
  'hook.run': ['hooked', 'told', 'done'],
  'binding.provide': ['hooked', 'told', 'done'],
};

/** Every step dies after each event that is committed of it, and at one of the places in between, in turn. */
export function everyBoundary(
  steps: readonly { readonly id: string; readonly step: { readonly kind: StepKind } }[],
): Kills {
  const turns = new Map<StepKind, number>();
  return Object.fromEntries(
    steps.map(({ id, step: { kind } }) => {
      const turn = turns.get(kind) ?? 0;
      turns.set(kind, turn + 1);
      const inner = INNER[kind] ?? ['done'];
      return [keyOf(id), ['claimed', inner[turn % inner.length]!, 'committed']];
    }),
  );
}

/**
 * Ends this process by SIGKILL once for each point of each step. Whatever reaches its point stops there; when nothing
 * moves any more, all of it dies at once. Files say which points have been died at, so that another process goes on.
 */
export class KillPlan {
  private readonly reached: string[] = [];
  private readonly kills: Kills;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly directory: string) {
    const file = path.join(directory, 'kills.json');
    this.kills = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Kills) : {};
    mkdirSync(path.join(directory, 'points'), { recursive: true });
  }

  /** Whether the next `reach` of it will not come back. */
  wants(what: string, point: KillPoint): boolean {
    const key = keyOf(what);
    const open = (this.kills[key] ?? []).filter((one) => !existsSync(this.file(key, one)));
    // A step whose worker died with another one's at a place of no name goes past its own: it dies at the end of it.
    const missed =
      point === 'done' && !existsSync(this.file(key, point)) && open.some((one) => ON_THE_WAY.includes(one));
    return open.includes(point) || missed;
  }

  /** Never resolves where the plan says so. */
  async reach(what: string, point: KillPoint): Promise<void> {
    if (!this.wants(what, point)) return;
    const key = keyOf(what);
    writeFileSync(this.file(key, point), '');
    this.reached.push(`${point} ${key}`);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const death: Death = { at: Date.now(), points: this.reached };
      appendFileSync(path.join(this.directory, 'deaths'), `${JSON.stringify(death)}\n`);
      process.kill(process.pid, 'SIGKILL');
    }, QUIET_MS);
    await new Promise(() => {});
  }

  private file(key: string, point: KillPoint): string {
    return path.join(this.directory, 'points', `${point} ${key}`);
  }
}

/** To be written before workers start. */
export const planKills = (directory: string, kills: Kills): void =>
  writeFileSync(path.join(directory, 'kills.json'), JSON.stringify(kills));

export function deathsIn(directory: string): readonly Death[] {
  const file = path.join(directory, 'deaths');
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Death);
}

/** `<point> <step>` of all that died. */
export const diedIn = (directory: string): readonly string[] => readdirSync(path.join(directory, 'points')).sort();

/** How often the worker is to be killed with a step in its hands. */
export const faultsOf = (kills: Kills): number => Object.values(kills).flat().length;

/** As the run log has it, in Unix milliseconds. */
export interface StepEnd {
  readonly step: string;
  readonly at: number;
}

const RIGHT_THEN_MS = 500;

/**
 * Steps that did not die as often as planned. A worker that another step took along between the commit of a step's end and
 * the next line has died where this step's `committed` is, and nobody can come there again.
 */
export const spared = (directory: string, kills: Kills, ends: readonly StepEnd[]): readonly string[] => {
  const died = diedIn(directory);
  const deaths = deathsIn(directory);
  const takenAlong = (key: string): boolean =>
    ends.some(({ step, at }) => keyOf(step) === key && deaths.some((death) => Math.abs(death.at - at) < RIGHT_THEN_MS));
  return Object.entries(kills).flatMap(([key, points]) => {
    const at = died.filter((one) => one.endsWith(` ${key}`)).map((one) => one.split(' ')[0]);
    if (points.includes('committed') && !at.includes('committed') && takenAlong(key)) at.push('committed');
    // At a place in between it may have died at another one than planned.
    const fixed = points.filter((one) => one === 'claimed' || one === 'committed');
    return fixed.every((one) => at.includes(one)) && at.length === points.length ? [] : `${key}: ${at.join(', ')}`;
  });
};
