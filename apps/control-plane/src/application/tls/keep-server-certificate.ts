import type { Instant } from '../../domain/ids.js';
import { certificateNews } from '../../domain/notification/certificate-news.js';
import { type NotificationEvent, plainLine } from '../../domain/notification/event.js';
import { WorldFailure } from '../../domain/problem.js';
import { mayTry, renewAt, waitAfterFailures } from '../../domain/tls/renewal.js';
import type { Clock } from '../clock.port.js';
import type { EngineLog } from '../runs/engine-log.port.js';
import type { CertificateSource, RenewalMemory, ServerCertificate } from './server-certificate.port.js';

const RENEW_MS = 5 * 60_000;
const DAY_MS = 24 * 3600_000;

export interface ServedState {
  readonly source: CertificateSource['kind'];
  readonly certificate: ServerCertificate;
  /** It comes from another place than it should: the first one from there is not here yet. */
  readonly standIn: boolean;
}

/**
 * Has a certificate at every moment, and a fresh one in time. What cannot be renewed is served on, told of, and tried
 * again later; running connections never notice.
 */
export class KeepServerCertificate {
  #served: ServedState | undefined;
  #memory: RenewalMemory | undefined;
  #looking: Promise<void> | undefined;
  #said: string | undefined;
  readonly #chance: number;
  #apply: ((certificate: ServerCertificate) => void) | undefined;
  #tell: ((events: readonly NotificationEvent[]) => Promise<void>) | undefined;

  constructor(
    private readonly source: CertificateSource,
    /** Serves until the source has its first one. */
    private readonly standIn: CertificateSource | undefined,
    private readonly clock: Pick<Clock, 'now'>,
    private readonly log: EngineLog,
    private readonly random: () => number,
  ) {
    this.#chance = random();
  }

  get served(): ServedState {
    if (!this.#served) throw new Error('no certificate yet: open comes first');
    return this.#served;
  }

  /** The certificate to begin with. Throws `WorldFailure` when there is none to be had. */
  async open(): Promise<ServerCertificate> {
    this.#memory = await this.source.memory?.read();
    const own = await this.#keptOrMade(this.source, this.standIn === undefined);
    const certificate = own ?? (this.standIn && (await this.#keptOrMade(this.standIn, true)));
    if (!certificate) throw new Error(`no certificate from ${this.source.kind}`);
    this.#served = { source: this.source.kind, certificate, standIn: own === undefined };
    return certificate;
  }

  /** From now on: `apply` hears of each new certificate, `tell` of what people should know. */
  connect(
    apply: (certificate: ServerCertificate) => void,
    tell: (events: readonly NotificationEvent[]) => Promise<void>,
  ): void {
    this.#apply = apply;
    this.#tell = tell;
  }

  /** Looks whether there is something to do, and does it. One look at a time. */
  look(signal: AbortSignal): Promise<void> {
    this.#looking ??= this.#look(signal).finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #look(signal: AbortSignal): Promise<void> {
    const now = this.clock.now();
    try {
      if (this.source.renew) await this.#renewIfDue(now, signal);
      else {
        const kept = await this.source.kept();
        if (kept && kept.fingerprint !== this.served.certificate.fingerprint) this.#serve(kept);
      }
    } catch (error) {
      if (signal.aborted) return;
      await this.#failed(error, now);
    }
    // Most of all when there is no new one: whoever missed the first warning must hear how little time is left.
    const news = certificateNews({ name: this.#name(), ...this.served.certificate }, undefined, now);
    if (news) await this.#say(news);
  }

  /** That nobody can be told is no fault of the certificate. */
  async #say(event: NotificationEvent): Promise<void> {
    await this.#tell?.([event]).catch((err: unknown) => this.log.warn({ err }, 'that could not be told'));
  }

  async #renewIfDue(now: Instant, signal: AbortSignal): Promise<void> {
    const { certificate, standIn } = this.served;
    if (!standIn && now < renewAt(certificate, this.#chance)) return;
    if (this.#memory && !mayTry(this.#memory.nextAt, now)) return;
    const made = await this.source.renew?.(AbortSignal.any([signal, AbortSignal.timeout(RENEW_MS)]));
    if (!made) return;
    await this.#remember(undefined);
    this.#serve(made);
  }

  async #failed(error: unknown, now: Instant): Promise<void> {
    const failures = (this.#memory?.failures ?? 0) + 1;
    await this.#remember({ failures, nextAt: now + waitAfterFailures(failures, this.random()) });
    const message = error instanceof WorldFailure ? error.failure.message : (error as Error).message;
    // Files are looked at often, and stay broken until somebody mends them: that is said once.
    if (!this.source.renew && message === this.#said) return;
    this.#said = message;
    this.log.error({ err: error, failures }, 'the server certificate could not be renewed; the old one is served on');
    const facts = { name: this.#name(), message: plainLine(message) };
    const key = `certificate-failed/${this.source.kind}/${Math.floor(now / DAY_MS)}`;
    await this.#say({ kind: 'certificate-failed', key, at: now, facts });
  }

  #serve(certificate: ServerCertificate): void {
    this.#said = undefined;
    this.#served = { source: this.source.kind, certificate, standIn: false };
    const { fingerprint, notAfter } = certificate;
    this.#apply?.(certificate);
    this.log.info({ fingerprint, notAfter, source: this.source.kind }, 'a new server certificate is served');
  }

  async #remember(memory: RenewalMemory | undefined): Promise<void> {
    this.#memory = memory;
    await this.source.memory?.write(memory).catch((err: unknown) => this.log.warn({ err }, 'the next try is not kept'));
  }

  async #keptOrMade(source: CertificateSource, make: boolean): Promise<ServerCertificate | undefined> {
    const kept = await source.kept();
    if (kept && (kept.notAfter > this.clock.now() || !source.renew)) return kept;
    return make ? await source.renew?.(AbortSignal.timeout(RENEW_MS)) : undefined;
  }

  #name(): string {
    return this.served.certificate.names[0] ?? 'of the control plane';
  }
}
