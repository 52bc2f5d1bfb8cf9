import { Client, type ClientChannel } from 'ssh2';
import type { GuestTarget } from '../../application/guests/guest-shell.port.js';
import { authenticationFailed, hostKeyMismatch, lost, timedOut, unreachable } from './failures.js';
import { type Limits, within } from './waits.js';

export interface ConnectionOptions {
  /** OpenSSH private key, PEM. */
  readonly privateKey: string;
  /** A dead peer is noticed after keepAliveMs × (keepAliveCount + 1): 40 s with the defaults. */
  readonly keepAliveMs: number;
  readonly keepAliveCount: number;
  /** TCP, key exchange and log-in together. */
  readonly handshakeMs: number;
}

export const CONNECTION_DEFAULTS = { keepAliveMs: 10_000, keepAliveCount: 3, handshakeMs: 15_000 } as const;

/** The server would not open another channel (MaxSessions, or children that outlive their channels). */
export class ChannelRefused extends Error {
  override readonly name = 'ChannelRefused';
}

/** Key types as they are written in host keys → signature algorithms to offer for them. */
const SIGNATURES: Readonly<Record<string, readonly string[]>> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
};

export const placeOf = (target: GuestTarget) => `guest ${target.guest} at ${target.address}:${target.port}`;

/** One authenticated SSH connection. Dead means dead: it is never revived, the link to the guest makes a new one. */
export class SshConnection {
  /** Resolves with the cause when the connection has ended, for whatever reason. */
  readonly closed: Promise<Error | undefined>;
  #alive = true;
  #inUse = 0;
  #retired = false;

  private constructor(
    private readonly client: Client,
    private readonly where: string,
    firstError: { cause?: Error },
  ) {
    this.closed = new Promise((resolve) => {
      client.once('close', () => {
        this.#alive = false;
        resolve(firstError.cause);
      });
    });
    client.on('error', (error) => {
      firstError.cause ??= error;
    });
  }

  get usable(): boolean {
    return this.#alive && !this.#retired;
  }

  /**
   * Connects once. The host key is compared with the known ones, and only the types of the known keys are offered, so
   * that a server with one known and one unknown key does not show the unknown one.
   */
  static async connect(target: GuestTarget, options: ConnectionOptions, limits: Limits): Promise<SshConnection> {
    const where = placeOf(target);
    const known = target.hostKeys.map((line) => parseHostKey(line));
    const algorithms = [...new Set(known.flatMap((key) => SIGNATURES[key.type] ?? []))];
    if (algorithms.length === 0) throw hostKeyMismatch(where, 'no host key of it is known yet');
    limits.signal.throwIfAborted();

    const client = new Client();
    const firstError: { cause?: Error } = {};
    const connection = new SshConnection(client, where, firstError);
    let strangeKey: string | undefined;
    const ready = new Promise<void>((resolve, reject) => {
      client.once('ready', resolve);
      client.once('error', reject);
      client.once('close', () => reject(firstError.cause ?? new Error('closed during the handshake')));
    });
    try {
      client.connect({
        host: target.address,
        port: target.port,
        username: target.user,
        privateKey: options.privateKey,
        readyTimeout: options.handshakeMs,
        keepaliveInterval: options.keepAliveMs,
        keepaliveCountMax: options.keepAliveCount,
        algorithms: { serverHostKey: algorithms as never },
        hostVerifier: (key: Buffer) => {
          const ours = known.some((one) => one.blob.equals(key));
          if (!ours) strangeKey = key.subarray(4, 4 + key.readUInt32BE(0)).toString('latin1');
          return ours;
        },
      });
      await within(ready, limits, () => timedOut(where, 'connecting'));
      client.setNoDelay(true);
      return connection;
    } catch (error) {
      client.destroy();
      if (strangeKey !== undefined) throw hostKeyMismatch(where, `an unknown key of type ${strangeKey}`);
      if (error instanceof Error && error.message.includes('no matching host key format'))
        throw hostKeyMismatch(where, `it has no key of the known types (${algorithms.join(', ')})`);
      if ((error as { level?: string }).level === 'client-authentication')
        throw authenticationFailed(where, target.user, error);
      if (limits.signal.aborted || (error as Error).name === 'WorldFailure') throw error;
      throw unreachable(where, error);
    }
  }

  /**
   * Starts a command; the channel is the caller's until `release`. `attach` is called in the very turn in which the channel
   * opens: a short command's exit code may be in the same packet, and comes only once. Throws ChannelRefused, or
   * ssh.lost, ssh.timeout.
   */
  async open<T>(command: string, what: string, limits: Limits, attach: (channel: ClientChannel) => T): Promise<T> {
    this.#inUse++;
    let abandoned = false;
    const opening = new Promise<T>((resolve, reject) => {
      void this.closed.then((cause) => reject(lost(this.where, what, cause)));
      try {
        this.client.exec(command, (error, channel) => {
          if (error && (error as { reason?: unknown }).reason !== undefined) reject(new ChannelRefused(error.message));
          else if (error) reject(lost(this.where, what, error));
          else if (abandoned) channel.close();
          else resolve(attach(channel));
        });
      } catch (error) {
        reject(lost(this.where, what, error)); // `Not connected`: it ended between two turns of the loop
      }
    });
    try {
      return await within(opening, limits, () => timedOut(this.where, what));
    } catch (error) {
      abandoned = true;
      this.release();
      throw error;
    }
  }

  /** The counterpart of `open`. */
  release(): void {
    this.#inUse--;
    if (this.#retired && this.#inUse === 0) this.client.end();
  }

  /** Takes no new commands; ends when the running ones have. */
  retire(): void {
    this.#retired = true;
    if (this.#inUse === 0) this.client.end();
  }

  /** Ends now, whatever runs. */
  destroy(): void {
    this.#retired = true;
    this.client.destroy();
  }
}

function parseHostKey(line: string): { type: string; blob: Buffer } {
  // `ssh-ed25519 AAAA… comment`; the type inside the blob is the one that counts.
  const words = line.trim().split(/\s+/);
  const blob = Buffer.from(words.find((word) => word.startsWith('AAAA')) ?? '', 'base64');
  if (blob.length < 8) return { type: '', blob };
  return { type: blob.subarray(4, 4 + blob.readUInt32BE(0)).toString('latin1'), blob };
}
