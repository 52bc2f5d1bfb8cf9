import type { DeliverNotifications } from '../application/notifications/deliver-notifications.js';
import type { WatchWorld, WorkerSigns } from '../application/notifications/watch-world.js';
import type { EngineLog } from '../application/runs/engine-log.port.js';

export interface NotifierSettings {
  /** How often the outbox is looked at. */
  readonly deliverMs: number;
  /** How often the world is looked at. */
  readonly watchMs: number;
  /** Of a worker: its name for this life. */
  readonly holder?: string;
}

export const DEFAULT_NOTIFIER: NotifierSettings = { deliverMs: 3_000, watchMs: 30_000 };

const FORGET_EVERY = 2_000;
const END_MS = 5_000;

/** Delivers notifications and looks for what they tell of, in every process whatever its role: a dead worker must be told by somebody else. */
export class Notifier {
  readonly #shutdown = new AbortController();
  #deliverTimer: NodeJS.Timeout | undefined;
  #watchTimer: NodeJS.Timeout | undefined;
  #delivering: Promise<void> | undefined;
  #watching: Promise<void> | undefined;
  #rounds = 0;

  constructor(
    private readonly deliver: Pick<DeliverNotifications, 'execute' | 'forget'>,
    private readonly watch: Pick<WatchWorld, 'execute'>,
    private readonly signs: WorkerSigns,
    private readonly now: () => number,
    private readonly log: EngineLog,
    private readonly settings: NotifierSettings,
  ) {}

  async start(): Promise<void> {
    await this.#sign().catch(this.#note('a sign of life could not be written'));
    this.#deliverTimer = setInterval(() => this.#deliverOnce(), this.settings.deliverMs);
    this.#watchTimer = setInterval(() => {
      // Also while a look takes long: it is alive.
      void this.#sign().catch(this.#note('a sign of life could not be written'));
      this.#watchOnce();
    }, this.settings.watchMs);
    this.#deliverOnce();
    this.#watchOnce();
  }

  /** What is being sent is cut off and sent anew by the next process. */
  async stop(): Promise<void> {
    clearInterval(this.#deliverTimer);
    clearInterval(this.#watchTimer);
    this.#shutdown.abort();
    await this.#delivering;
    // A look at a cluster that hangs is nobody's loss.
    await Promise.race([this.#watching, new Promise((resolve) => setTimeout(resolve, END_MS).unref())]);
    const { holder } = this.settings;
    if (holder) await this.signs.leave(holder).catch(this.#note('the sign of life could not be taken back'));
  }

  #deliverOnce(): void {
    this.#delivering ??= this.#deliverAndForget()
      .catch(this.#note('notifications could not be delivered, the next round makes up for it'))
      .finally(() => {
        this.#delivering = undefined;
      });
  }

  async #deliverAndForget(): Promise<void> {
    await this.deliver.execute(this.#shutdown.signal);
    this.#rounds += 1;
    if (this.#rounds % FORGET_EVERY === 0) await this.deliver.forget();
  }

  #watchOnce(): void {
    this.#watching ??= this.watch
      .execute(this.#shutdown.signal)
      .catch(this.#note('the world could not be looked at, the next round makes up for it'))
      .finally(() => {
        this.#watching = undefined;
      });
  }

  async #sign(): Promise<void> {
    if (this.settings.holder && !this.#shutdown.signal.aborted) await this.signs.sign(this.settings.holder, this.now());
  }

  #note =
    (message: string) =>
    (err: unknown): void =>
      this.log.warn({ err }, message);
}
