import type { Instant } from '../../domain/ids.js';
import type { LogLine } from '../../domain/run/run.js';

/** How to reach a guest: the host keys are known before first contact, learnt out of band. */
export interface GuestTarget {
  readonly guest: string;
  readonly address: string;
  readonly port: number;
  readonly user: string;
  /** OpenSSH public host keys; any other key is a hard stop (`ssh.host_key_mismatch`). */
  readonly hostKeys: readonly string[];
}

export interface ShellContext {
  readonly signal: AbortSignal;
  readonly deadline: Instant;
  readonly fence: () => Promise<void>;
  readonly log?: (lines: readonly LogLine[]) => void;
  readonly progress?: (percent: number, text: string) => void;
  /** Values that must never leave the worker: replaced in every line. */
  readonly redact?: readonly string[];
}

export interface HookJob {
  /** Unit name: from run, step and attempt; the same name is the same job, started at most once. */
  readonly unit: string;
  /** Directory of the module on the guest, as returned by `deliver`. */
  readonly moduleDirectory: string;
  /** File under the module's hooks/: `configure`, `provide-database`. */
  readonly hook: string;
  /** Complete hook input (docs/reference/hooks.md); contains secrets. */
  readonly input: unknown;
}

export interface HookOutcome {
  readonly exitCode: number;
  /** Parsed $BASTIDE_OUTPUT; untrusted, undefined when the hook wrote none. */
  readonly output?: unknown;
  /** Last `::error` line. */
  readonly error?: string;
  /** Last lines of the log, redacted, for the failure card. */
  readonly tail: readonly string[];
}

/**
 * Commands on guests. Throws `WorldFailure` with codes `ssh.unreachable`, `ssh.host_key_mismatch`, `ssh.auth`,
 * `ssh.timeout`, `ssh.lost`, `hook.output_invalid`.
 */
export interface GuestShell {
  /** Waits until the guest takes commands: sshd answers with a known key, boot has finished (systemd, cloud-init), we are root. */
  waitReady(target: GuestTarget, context: ShellContext): Promise<void>;
  run(
    target: GuestTarget,
    command: readonly string[],
    context: ShellContext & { input?: Buffer; maxBytes?: number },
  ): Promise<{ exitCode: number; stdout: Buffer; stderr: Buffer }>;
  /** Uploads a file: stream to a temporary name, digest compared on the guest, renamed. Already there with that digest: nothing to do. */
  upload(
    target: GuestTarget,
    file: { source: string | Buffer; path: string; mode: number; sha256: string },
    context: ShellContext,
  ): Promise<void>;
  /** Puts a module's folder (a tar with that digest) on the guest, once; returns its directory. */
  deliver(
    target: GuestTarget,
    module: { name: string; digest: string; tar: () => Promise<Buffer> },
    context: ShellContext,
  ): Promise<string>;
  /** Starts the hook as a transient systemd unit, or finds the one that an earlier worker started; follows its log; collects its result exactly once. */
  runHook(target: GuestTarget, job: HookJob, context: ShellContext): Promise<HookOutcome>;
  /** Stops the unit of a cancelled step. */
  cancelHook(target: GuestTarget, unit: string, context: ShellContext): Promise<void>;
  /** Drops cached connections to a guest that is going away. */
  forget(guest: string): void;
}
