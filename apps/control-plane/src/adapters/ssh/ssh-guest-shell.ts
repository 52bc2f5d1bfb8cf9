import type {
  GuestShell,
  GuestTarget,
  HookJob,
  HookOutcome,
  ShellContext,
} from '../../application/guests/guest-shell.port.js';
import { GuestLink } from './guest-link.js';
import { cancelHook, HookRun } from './hook-run.js';
import { waitReady } from './readiness.js';
import { shellCommand } from './shell-words.js';
import { CONNECTION_DEFAULTS, type ConnectionOptions } from './ssh-connection.js';
import { deliverTree, type Upload, uploadFile } from './upload.js';

const MODULES = '/opt/bastide/modules';

/**
 * Guests over OpenSSH. Besides the codes of the port it throws WorldFailure `ssh.output_too_large`, `ssh.not_root`,
 * `guest.boot_failed`, `guest.command_failed`, `guest.disk_full`, `upload.digest_mismatch`, `hook.missing`,
 * `hook.not_started`, `hook.interrupted`, `hook.timeout`, `hook.cancelled`. An abort rejects with the signal's reason;
 * a hook that has been started goes on and can be followed again.
 */
export class SshGuestShell implements GuestShell {
  readonly #links = new Map<string, GuestLink>();
  readonly #options: ConnectionOptions;

  /** `privateKey`: OpenSSH private key, PEM text. The other options have defaults made for real networks. */
  constructor(options: Pick<ConnectionOptions, 'privateKey'> & Partial<ConnectionOptions>) {
    this.#options = { ...CONNECTION_DEFAULTS, ...options };
  }

  waitReady(target: GuestTarget, context: ShellContext): Promise<void> {
    return waitReady(this.#link(target), context);
  }

  run(
    target: GuestTarget,
    command: readonly string[],
    context: ShellContext & { input?: Buffer; maxBytes?: number },
  ): Promise<{ exitCode: number; stdout: Buffer; stderr: Buffer }> {
    const { input, maxBytes } = context;
    // sshd leaves a command alone when its channel goes, and passes no signals on for root: the guest must end it itself.
    const seconds = Math.max(1, Math.ceil((context.deadline - Date.now()) / 1000)) + 5;
    return this.#link(target).exec(
      {
        line: shellCommand(['timeout', '-k', '5', `${seconds}`, ...command]),
        what: command[0] ?? 'nothing',
        ...(input ? { input } : {}),
        ...(maxBytes === undefined ? {} : { maxBytes }),
      },
      context,
    );
  }

  upload(target: GuestTarget, file: Upload, context: ShellContext): Promise<void> {
    return uploadFile(this.#link(target), file, context);
  }

  async deliver(
    target: GuestTarget,
    module: { name: string; digest: string; tar: () => Promise<Buffer> },
    context: ShellContext,
  ): Promise<string> {
    const digest = module.digest.replaceAll(':', '-');
    if (![module.name, digest].every((part) => /^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(part)))
      throw new TypeError(`not fit for a directory: ${module.name} ${module.digest}`);
    const directory = `${MODULES}/${module.name}/${digest}`;
    await deliverTree(this.#link(target), { directory, tar: module.tar }, context);
    return directory;
  }

  async runHook(target: GuestTarget, job: HookJob, context: ShellContext): Promise<HookOutcome> {
    return new HookRun(this.#link(target), job, context).outcome();
  }

  cancelHook(target: GuestTarget, unit: string, context: ShellContext): Promise<void> {
    return cancelHook(this.#link(target), unit, context);
  }

  forget(guest: string): void {
    this.#links.get(guest)?.close();
    this.#links.delete(guest);
  }

  /** Ends all connections; for the end of the process. */
  close(): void {
    for (const guest of [...this.#links.keys()]) this.forget(guest);
  }

  /** A guest that moved or was re-keyed on purpose is another target: the old connection must not serve it. */
  #link(target: GuestTarget): GuestLink {
    const known = this.#links.get(target.guest);
    if (known && same(known.target, target)) return known;
    known?.close();
    const link = new GuestLink(target, this.#options);
    this.#links.set(target.guest, link);
    return link;
  }
}

function same(a: GuestTarget, b: GuestTarget): boolean {
  return (
    a.address === b.address && a.port === b.port && a.user === b.user && a.hostKeys.join('\n') === b.hostKeys.join('\n')
  );
}
