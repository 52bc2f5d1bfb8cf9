import type { StackId } from '../../domain/ids.js';
import { Refusal, WorldFailure } from '../../domain/problem.js';
import {
  type Answers,
  answersTo,
  type Drift,
  driftOf,
  type IgnoredDrift,
  ignoredAs,
  lapsed,
} from '../../domain/stack/drift.js';
import type { GuestSettings, ObservedGuest, ObservedSubstrate } from '../../domain/stack/observed.js';
import type { RecordedGuest, WantedStack } from '../../domain/stack/stack.js';
import type { Clock } from '../clock.port.js';
import type { CallContext, Substrates } from '../substrates/substrate.port.js';
import { byNode } from './by-node.js';
import type { DriftBook } from './drift-book.port.js';
import { settingsOf, whileGuestsAnswer } from './guest-sizes.js';
import type { StackStore } from './stack-store.port.js';

export interface SeenDrift extends Drift {
  /** Answers that are not to be had, and why. */
  readonly without: Answers;
  readonly ignored?: Pick<IgnoredDrift, 'reason' | 'by' | 'at'>;
}

export interface LiveGuest {
  readonly instance: string;
  readonly guest: string;
  readonly node: string;
  readonly vmid: number;
  /** `missing`: the substrate answers and has no such guest; `unknown`: it does not answer. */
  readonly status: ObservedGuest['status'] | 'missing';
  readonly drift: readonly SeenDrift[];
  readonly error?: string;
}

/** A guest with its drift, and where both were looked up. */
export interface Look {
  readonly stack: WantedStack;
  readonly recorded: RecordedGuest;
  readonly live: LiveGuest;
  /** Whether its own settings were seen, and not the overview's line about it alone. */
  readonly asked: boolean;
}

/** What an archived stack’s guests are by a plan, and not by hand. */
const AT_REST: ReadonlySet<string> = new Set(['status', 'startsAtBoot']);

/** What the overview alone tells, when a guest itself could not be asked. */
const OVERVIEW: ReadonlySet<string> = new Set(['presence', 'status', 'node', 'vmid']);

const LOOK_MS = 20_000;

/**
 * The guests of a stack as their substrate shows them now, and where that differs from the record. A substrate that does
 * not answer makes its guests `unknown`; the others are shown all the same. Words about differences that are no more lapse here.
 */
export class LookAtGuests {
  constructor(
    private readonly stacks: StackStore,
    private readonly substrates: Substrates,
    private readonly book: DriftBook,
    private readonly clock: Pick<Clock, 'now'>,
  ) {}

  async execute(id: StackId): Promise<readonly Look[]> {
    const stack = await this.stacks.getStack(id);
    if (!stack) {
      throw new Refusal({
        code: 'not_found',
        subject: `stack ${id}`,
        message: 'There is no such stack.',
        remedy: 'bastide stack list shows them.',
      });
    }
    const { instances, guests, ignoredDrift: words = [] } = await this.stacks.recorded(stack.site);
    const rests = stack.state === 'archived';
    const names = new Map(instances.map((instance) => [instance.id, instance.name]));
    const bySubstrate = new Map<string, RecordedGuest[]>();
    for (const guest of guests.filter((one) => one.stack === id))
      bySubstrate.set(guest.substrate, [...(bySubstrate.get(guest.substrate) ?? []), guest]);
    const looks = await Promise.all(
      [...bySubstrate].map(async ([name, own]) => {
        const about = (recorded: RecordedGuest) => ({
          instance: names.get(recorded.instance) ?? recorded.instance,
          guest: recorded.name,
          node: recorded.node,
          vmid: recorded.vmid,
        });
        const seen = await this.#see(stack.site, name, own);
        return own.map((recorded): Look => {
          if ('error' in seen)
            return {
              stack,
              recorded,
              live: { ...about(recorded), status: 'unknown', drift: [], error: seen.error },
              asked: false,
            };
          const { observed, settings } = seen.of.get(recorded) ?? {};
          // On a node that does not answer nothing can be said of it, nor of a guest that was there.
          const silent = observed ? observed.status === 'unknown' : !seen.online.has(recorded.node);
          const drift = silent
            ? []
            : driftOf(recorded, observed, settings).filter(({ field }) => !rests || !AT_REST.has(field));
          const status = silent ? 'unknown' : (observed?.status ?? 'missing');
          const live: LiveGuest = { ...about(recorded), status, drift: drift.map(answered(recorded, words)) };
          return { stack, recorded, live, asked: settings !== undefined };
        });
      }),
    );
    await this.#lapse(looks.flat(), words);
    return looks.flat();
  }

  async #see(
    site: string,
    name: string,
    own: readonly RecordedGuest[],
  ): Promise<
    | { readonly error: string }
    | {
        readonly of: ReadonlyMap<RecordedGuest, { observed?: ObservedGuest; settings?: GuestSettings }>;
        readonly online: ReadonlySet<string>;
      }
  > {
    try {
      const substrate = await this.substrates.get(site, name);
      const context = this.#context();
      const seen: ObservedSubstrate = await substrate.observe(context);
      const byStamp = new Map(seen.guests.flatMap((guest) => (guest.stamp ? [[guest.stamp, guest] as const] : [])));
      const of = new Map<RecordedGuest, { observed?: ObservedGuest; settings?: GuestSettings }>();
      const asking = whileGuestsAnswer(context, this.clock.now());
      await byNode(
        own,
        ({ id, node }) => byStamp.get(id)?.node ?? node,
        async (recorded) => {
          const observed = byStamp.get(recorded.id);
          const settings = observed && (await settingsOf(substrate, recorded, observed, asking));
          of.set(recorded, { ...(observed ? { observed } : {}), ...(settings ? { settings } : {}) });
        },
      );
      return { of, online: new Set(seen.nodes.filter((node) => node.online).map((node) => node.name)) };
    } catch (error) {
      if (!(error instanceof WorldFailure || error instanceof Refusal)) throw error;
      return { error: error instanceof Refusal ? error.problem.message : error.failure.message };
    }
  }

  async #lapse(looks: readonly Look[], words: readonly IgnoredDrift[]): Promise<void> {
    for (const { recorded, live, asked } of looks) {
      // What was not looked at may be as it was.
      if (live.status === 'unknown') continue;
      const there = live.status !== 'missing';
      const seen = (field: string): boolean => (there ? asked || OVERVIEW.has(field) : field === 'presence');
      const over = lapsed(recorded.id, live.drift, words, seen);
      for (const { guest, field, observed } of over) await this.book.withdraw(guest, field, observed);
    }
  }

  #context(): CallContext {
    return { signal: AbortSignal.timeout(LOOK_MS), deadline: this.clock.now() + LOOK_MS, fence: async () => undefined };
  }
}

const answered =
  (recorded: RecordedGuest, words: readonly IgnoredDrift[]) =>
  (drift: Drift): SeenDrift => {
    const word = ignoredAs(recorded.id, drift, words);
    return {
      ...drift,
      without: answersTo(drift),
      ...(word ? { ignored: { reason: word.reason, by: word.by, at: word.at } } : {}),
    };
  };
