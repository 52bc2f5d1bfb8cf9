import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ClientChannel } from 'ssh2';
import type { GuestTarget } from '../../application/guests/guest-shell.port.js';
import type { WorldFailure } from '../../domain/problem.js';
import { isFailure, lost, outputTooLarge, timedOut, unreachable } from './failures.js';
import { Slots } from './slots.js';
import { ChannelRefused, type ConnectionOptions, placeOf, SshConnection } from './ssh-connection.js';
import { backOff, type Limits, pause, within } from './waits.js';

/** sshd's MaxSessions is 10 by default; two stay free for a person who wants to look. */
const CHANNELS = 8;
/**
 * How long an abandoned channel may take to close before its connection counts as unfit: sshd closes it when the
 * command has ended, and our own questions wait at most eight seconds for news.
 */
const CLOSE_GRACE_MS = 15_000;
const REFUSAL_PAUSES_MS = [30, 100, 300];
const IDLE_MS = 120_000;

export interface Command {
  /** For the shell on the other side. */
  readonly line: string;
  /** What it does, for failures: `upload of /etc/motd`. */
  readonly what: string;
  readonly input?: Buffer | Readable;
  /** For stdout and stderr each. */
  readonly maxBytes?: number;
}

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

interface Conversation {
  readonly connection: SshConnection;
  readonly channel: ClientChannel;
  readonly result: Promise<CommandResult>;
}

/** The one connection to a guest: connects when needed, limits and queues channels, starts anew when it breaks. */
export class GuestLink {
  readonly where: string;
  readonly #slots = new Slots(CHANNELS);
  #current: SshConnection | undefined;
  #connecting: Promise<SshConnection> | undefined;
  #idle: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(
    readonly target: GuestTarget,
    private readonly options: ConnectionOptions,
  ) {
    this.where = placeOf(target);
  }

  /**
   * Runs one command; resolves when its channel has closed, so that stdout and stderr are complete. Before the command
   * has started, an unreachable guest is called again until the deadline; afterwards a broken connection is `ssh.lost`,
   * because nobody can know here how far the command came.
   */
  async exec(command: Command, limits: Limits): Promise<CommandResult> {
    clearTimeout(this.#idle);
    const release = await this.#slot(command, limits);
    let open: Conversation | undefined;
    const letGo = () => {
      open?.connection.release();
      release();
      clearTimeout(this.#idle);
      if (!this.#slots.idle) return;
      this.#idle = setTimeout(() => this.#current?.retire(), IDLE_MS);
      this.#idle.unref();
    };
    try {
      open = await this.#open(command, limits);
      const result = await within(open.result, limits, () => timedOut(this.where, command.what));
      letGo();
      return result;
    } catch (error) {
      // The caller is not kept waiting; the slot is, until the other side has let go of the channel too.
      if (open) void this.#abandon(open).then(letGo);
      else letGo();
      throw error;
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#idle);
    this.#current?.destroy();
  }

  async #slot(command: Command, limits: Limits): Promise<() => void> {
    const givenUp = new AbortController();
    const taking = this.#slots.take(AbortSignal.any([limits.signal, givenUp.signal]));
    try {
      return await within(taking, limits, () => timedOut(this.where, `${command.what} (waiting for a free channel)`));
    } catch (error) {
      givenUp.abort(error);
      taking.then((release) => release()).catch(() => {}); // granted in the very moment of giving up
      throw error;
    }
  }

  async #open(command: Command, limits: Limits): Promise<Conversation> {
    // sshd frees a session a moment after its channel has closed, so eight new channels in place of eight that have just
    // ended can be too many for that moment. Only one that refuses again and again is unfit, and replaced once.
    let refusals = 0;
    for (;;) {
      const connection = await this.#connected(limits);
      try {
        return await connection.open(command.line, command.what, limits, (channel) => ({
          connection,
          channel,
          result: this.#converse(connection, channel, command),
        }));
      } catch (error) {
        if (!(error instanceof ChannelRefused)) throw error;
        if (refusals === 2 * REFUSAL_PAUSES_MS.length + 1)
          throw lost(this.where, `${command.what} (no channel, on two connections)`, error);
        const wait = REFUSAL_PAUSES_MS[refusals++ % (REFUSAL_PAUSES_MS.length + 1)];
        if (wait === undefined) connection.retire();
        else await pause(wait, limits);
      }
    }
  }

  /** Calls until somebody answers. Only being unreachable is worth another try: a wrong key does not get better. */
  async #connected(limits: Limits): Promise<SshConnection> {
    const wait = backOff(250, 5_000);
    let last: WorldFailure | undefined;
    for (;;) {
      try {
        return await this.#connection(limits);
      } catch (error) {
        // Why nobody answered says more than that the time was over during the next try.
        if (isFailure(error, 'ssh.timeout')) throw last ?? error;
        if (this.#closed || !isFailure(error, 'ssh.unreachable')) throw error;
        last = error;
        if (!(await pause(wait(), limits))) throw error;
      }
    }
  }

  async #connection(limits: Limits): Promise<SshConnection> {
    if (this.#closed) throw unreachable(this.where, new Error('this guest has been forgotten'));
    if (this.#current?.usable) return this.#current;
    // Callers share an attempt, so it must not end with one caller's signal; its own time-out bounds it.
    this.#connecting ??= SshConnection.connect(this.target, this.options, {
      signal: new AbortController().signal,
      deadline: Date.now() + this.options.handshakeMs + 1_000,
    })
      .then((connection) => {
        // Even when all callers have left meanwhile, it has an owner, which closes it in the end.
        this.#current = connection;
        if (this.#closed) connection.destroy();
        return connection;
      })
      .finally(() => {
        this.#connecting = undefined;
      });
    return within(this.#connecting, limits, () => timedOut(this.where, 'connecting'));
  }

  #converse(connection: SshConnection, channel: ClientChannel, command: Command): Promise<CommandResult> {
    const maxBytes = command.maxBytes ?? 16 * 1024 * 1024;
    const result = new Promise<CommandResult>((resolve, reject) => {
      let exit: number | undefined;
      const overflow = () => reject(outputTooLarge(this.where, command.what, maxBytes));
      const stdout = gather(channel, maxBytes, overflow);
      const stderr = gather(channel.stderr, maxBytes, overflow);
      channel.on('exit', (code: number | null, signal?: string) => {
        exit = code ?? 128 + (constants.signals[signal as NodeJS.Signals] ?? 0);
      });
      channel.on('error', () => {}); // what matters is whether `close` comes with an exit code
      channel.on('close', () => {
        if (exit !== undefined) resolve({ exitCode: exit, stdout: stdout(), stderr: stderr() });
        // The connection's own end, with its cause, follows in a moment; but a channel may also close without a word
        // while its connection lives (its sshd child was killed).
        else setTimeout(() => reject(lost(this.where, command.what)), 1_000).unref();
      });
      void connection.closed.then((cause) => reject(lost(this.where, command.what, cause)));
      feed(channel, command.input).catch(reject);
    });
    result.catch(() => {}); // nobody may be waiting any more
    return result;
  }

  /** Closes the channel of a command that nobody waits for any more; a connection that does not even do that is not used again. */
  async #abandon({ connection, channel }: Conversation): Promise<void> {
    if (channel.closed || !connection.usable) return;
    const closed = new Promise<boolean>((resolve) => {
      channel.once('close', () => resolve(true));
      setTimeout(() => resolve(false), CLOSE_GRACE_MS).unref();
    });
    try {
      channel.resume(); // unread output would hold `close` back
      channel.stderr.resume();
      channel.close();
    } catch {
      // the socket went away meanwhile
    }
    if (!(await closed)) connection.retire();
  }
}

function gather(stream: Readable, maxBytes: number, overflow: () => void): () => Buffer {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= maxBytes) chunks.push(chunk);
    else {
      chunks.length = 0;
      overflow();
    }
  });
  return () => Buffer.concat(chunks);
}

async function feed(channel: ClientChannel, input: Buffer | Readable | undefined): Promise<void> {
  if (input === undefined || Buffer.isBuffer(input)) {
    channel.end(input);
    return;
  }
  let broken: Error | undefined;
  input.once('error', (error) => {
    broken = error;
  });
  try {
    await pipeline(input, channel, { end: true });
  } catch (error) {
    // A command that stops reading early closes the channel under us; its exit code says why. Only a source that
    // cannot be read is an error of its own.
    if (broken && (error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw broken;
  }
}
