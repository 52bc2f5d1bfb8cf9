import type { Instant, Milliseconds } from '../../domain/ids.js';
import { certificateNews, type KeptCertificate } from '../../domain/notification/certificate-news.js';
import { plainLine } from '../../domain/notification/event.js';
import { eventOfWaitingRun } from '../../domain/notification/sources.js';
import { Refusal, WorldFailure } from '../../domain/problem.js';
import { isSettled } from '../../domain/run/transitions.js';
import type { WantedStack } from '../../domain/stack/stack.js';
import type { AuditLog } from '../audit/audit-log.port.js';
import type { Clock } from '../clock.port.js';
import type { EngineLog } from '../runs/engine-log.port.js';
import type { RunStore } from '../runs/run-store.port.js';
import type { LookAtGuests } from '../stacks/look-at-guests.js';
import type { StackStore } from '../stacks/stack-store.port.js';
import type { EventInlet } from './notification-store.port.js';

/** Signs of life of workers. */
export interface WorkerSigns {
  sign(holder: string, at: Instant): Promise<void>;
  /** An orderly end. */
  leave(holder: string): Promise<void>;
  signs(): Promise<readonly { readonly holder: string; readonly seenAt: Instant }[]>;
}

/** The disk that the control plane's own state lies on. */
export interface OwnDisk {
  readonly host: string;
  free(): Promise<{ readonly freeBytes: number; readonly totalBytes: number }>;
}

export interface WatchSettings {
  readonly driftMs: Milliseconds;
  /** A worker without a sign of life for so long is missing. */
  readonly missingMs: Milliseconds;
  /** A run waits so long for a decision before somebody is reminded. */
  readonly waitingMs: Milliseconds;
  readonly auditMs: Milliseconds;
}

export const DEFAULT_WATCH: WatchSettings = {
  driftMs: 15 * 60_000,
  missingMs: 2 * 60_000,
  waitingMs: 3600_000,
  auditMs: 24 * 3600_000,
};

const GIB = 1024 ** 3;
/** Low below a share of the disk, but not while much is left; good again above a second edge, so that a figure on the edge is told once. */
const isLow = (free: number, share: number): boolean => free < GIB / 2 || (share < 0.1 && free < 10 * GIB);
const isGood = (free: number, share: number): boolean => free > GIB && (share > 0.12 || free > 12 * GIB);
const CERTIFICATES_MS = 6 * 3600_000;

export interface WatchedWorld {
  readonly stacks: Pick<StackStore, 'listStacks' | 'listSites'>;
  readonly runs: Pick<RunStore, 'latestOf'>;
  readonly look: Pick<LookAtGuests, 'execute'>;
  readonly certificates: { kept(site: { readonly name: string }): Promise<readonly KeptCertificate[]> };
  readonly audit: Pick<AuditLog, 'verify'>;
  readonly disk: OwnDisk;
  readonly workers: WorkerSigns;
}

/** Looks for what happens without anybody's act. Every process may look; whose turn it is says the inlet. */
export class WatchWorld {
  #noneSince: Instant | undefined;

  constructor(
    private readonly world: WatchedWorld,
    private readonly inlet: EventInlet,
    private readonly clock: Pick<Clock, 'now'>,
    private readonly log: EngineLog,
    private readonly settings: WatchSettings = DEFAULT_WATCH,
  ) {}

  /** One that cannot look keeps no other from it. */
  async execute(signal: AbortSignal): Promise<void> {
    const looks = {
      disk: () => this.#disk(),
      workers: () => this.#workers(),
      runs: () => this.#waitingRuns(),
      certificates: () => this.#certificates(),
      drift: () => this.#drift(signal),
      audit: () => this.#audit(),
    };
    for (const [what, look] of Object.entries(looks)) {
      if (signal.aborted) return;
      try {
        await look();
      } catch (err) {
        this.log.warn({ err, what }, 'something could not be looked at; the next look makes up for it');
      }
    }
  }

  async #disk(): Promise<void> {
    const { freeBytes, totalBytes } = await this.world.disk.free();
    const share = totalBytes > 0 ? freeBytes / totalBytes : 1;
    const low = isLow(freeBytes, share);
    const good = isGood(freeBytes, share);
    // Between the two it stays what it was.
    if (!low && !good) return;
    const { host } = this.world.disk;
    const at = this.clock.now();
    const facts = { host, percent: Math.round(share * 100) };
    await this.inlet.flip(`disk/${host}`, low ? 'low' : 'good', () =>
      low ? { kind: 'disk-low', key: `disk/${host}/${at}`, at, facts } : undefined,
    );
  }

  async #workers(): Promise<void> {
    const at = this.clock.now();
    const signs = await this.world.workers.signs();
    const missing = signs.filter(({ seenAt }) => seenAt < at - this.settings.missingMs);
    const alive = signs.length > missing.length;
    for (const { holder, seenAt } of missing) {
      // Each holder has its name for one life only.
      const key = `worker/${holder}`;
      await this.inlet.record([{ kind: 'worker-missing', key, at, facts: { worker: plainLine(holder), seenAt } }]);
      await this.world.workers.leave(holder);
    }
    // Between an orderly end and the next start nobody misses anything.
    this.#noneSince = alive ? undefined : (this.#noneSince ?? at);
    if (this.#noneSince !== undefined && at - this.#noneSince < this.settings.missingMs) return;
    await this.inlet.flip('workers', alive ? 'some' : 'none', (before) =>
      alive || before === undefined ? undefined : { kind: 'worker-missing', key: `workers/${at}`, at, facts: {} },
    );
  }

  async #waitingRuns(): Promise<void> {
    const now = this.clock.now();
    for (const { id } of await this.world.stacks.listStacks()) {
      const run = await this.world.runs.latestOf(id);
      if (!run?.finishedAt || (run.state !== 'failed' && run.state !== 'cancelled')) continue;
      if (run.finishedAt > now - this.settings.waitingMs) continue;
      await this.inlet.record([eventOfWaitingRun({ ...run, endedAt: run.finishedAt }, now)]);
    }
  }

  async #certificates(): Promise<void> {
    const now = this.clock.now();
    if (!(await this.inlet.takeTurn('certificates', now, CERTIFICATES_MS))) return;
    for (const site of await this.world.stacks.listSites()) {
      const kept = await this.world.certificates.kept(site);
      await this.inlet.record(kept.flatMap((one) => certificateNews(one, site.name, now) ?? []));
    }
  }

  async #drift(signal: AbortSignal): Promise<void> {
    if (this.settings.driftMs === 0) return;
    for (const stack of await this.world.stacks.listStacks()) {
      if (signal.aborted) return;
      if (stack.state !== 'present') continue;
      const run = await this.world.runs.latestOf(stack.id);
      // What a run is changing is no drift.
      if (!run || !isSettled(run.state)) continue;
      if (!(await this.inlet.takeTurn(`drift/${stack.id}`, this.clock.now(), this.settings.driftMs))) continue;
      await this.#driftOf(stack);
    }
  }

  async #driftOf(stack: WantedStack): Promise<void> {
    try {
      const guests = (await this.world.look.execute(stack.id)).map(({ live }) => live);
      // A substrate that does not answer says nothing about its guests.
      if (guests.some(({ status }) => status === 'unknown')) return;
      const found = guests.flatMap(({ instance, guest, drift }) =>
        // What somebody chose to ignore is no news.
        drift
          .filter(({ ignored }) => ignored === undefined)
          .map(({ kind, field, observed }) => ({ guest: `${instance}.${guest}`, kind, field, observed })),
      );
      const at = this.clock.now();
      const told = [...new Set(found.map(({ guest, kind }) => `${guest} (${kind})`))].join(', ');
      const facts = { stack: plainLine(stack.name), guests: plainLine(told) };
      await this.inlet.flip(`drift/${stack.id}`, found.length === 0 ? '' : JSON.stringify(found), () =>
        found.length === 0
          ? undefined
          : { kind: 'drift-found', key: `drift/${stack.id}/${at}`, at, site: stack.site, stack: stack.id, facts },
      );
    } catch (err) {
      if (!(err instanceof WorldFailure || err instanceof Refusal)) throw err;
      this.log.warn({ err, stack: stack.id }, 'the guests of a stack could not be compared with the record');
    }
  }

  async #audit(): Promise<void> {
    const at = this.clock.now();
    if (!(await this.inlet.takeTurn('audit', at, this.settings.auditMs))) return;
    const { intact, firstBroken } = await this.world.audit.verify();
    const row = firstBroken?.seq ?? 0;
    await this.inlet.flip('audit', intact ? 'intact' : `broken at ${row}`, () =>
      intact ? undefined : { kind: 'audit-broken', key: `audit/${row}/${at}`, at, facts: { row } },
    );
  }
}
