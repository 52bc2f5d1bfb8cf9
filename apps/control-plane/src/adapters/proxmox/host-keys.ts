import type { CallContext, OwnedGuest } from '../../application/substrates/substrate.port.js';
import { Refusal, WorldFailure } from '../../domain/problem.js';
import { text } from './answers.js';
import type { Connection } from './connection.js';
import { runOnConsole } from './console.js';
import { type Found, ownedAndThere } from './guest-finder.js';
import { deadlinePassed, within } from './waits.js';

/** A verdict comes within this time, also for an agent that never starts. */
const VERDICT_MS = 120_000;
const CONSOLE_MS = 15_000;
const TYPES = ['ed25519', 'ecdsa', 'rsa'] as const;
const COMMAND = `cat ${TYPES.map((type) => `/etc/ssh/ssh_host_${type}_key.pub`).join(' ')}`;

/**
 * The guest's OpenSSH host keys (`type base64`), read through the hypervisor and never over SSH itself. A guest that has
 * just been started makes its keys first, so an empty answer is asked again.
 */
export async function readHostKeys(
  connection: Connection,
  guest: OwnedGuest,
  context: CallContext,
): Promise<readonly string[]> {
  const found = await ownedAndThere(connection, guest, context);
  const limited = within(context, connection.clock, VERDICT_MS);
  const what = `host keys of guest ${found.at.vmid}`;
  let last: WorldFailure | undefined;
  for (;;) {
    try {
      const keys = parseHostKeys(
        found.at.kind === 'container'
          ? await runOnConsole(connection, found.at, COMMAND, CONSOLE_MS, limited)
          : await readThroughAgent(connection, found, limited),
      );
      if (keys.length > 0) return keys;
      last = undefined;
    } catch (error) {
      if (error instanceof Refusal || !(error instanceof WorldFailure)) throw error;
      // The last question ran out of time: the answer before it is the reason.
      if (error.failure.code === 'substrate.deadline') throw last ?? deadlinePassed(what);
      last = error;
    }
    if (connection.clock.now() >= limited.deadline) throw last ?? deadlinePassed(what);
    context.waitingFor?.(last ? `${what} (${last.failure.message})` : what);
    await connection.clock.sleep(1500, context.signal);
  }
}

/** Lines that are public keys, without their comments; a line that only looks like one is left out. */
export function parseHostKeys(text: string): string[] {
  const keys = new Set<string>();
  for (const match of text.matchAll(/^\s*((?:ssh-|ecdsa-sha2-)[a-z0-9-]+) ([A-Za-z0-9+/]+={0,2})(?:\s|$)/gm)) {
    const [, type, blob] = match as unknown as [string, string, string];
    const raw = Buffer.from(blob, 'base64');
    // The key names its own type again inside (RFC 4253, 6.6): this catches cut lines.
    const length = raw.length >= 4 ? raw.readUInt32BE(0) : 0;
    if (raw.subarray(4, 4 + length).toString('latin1') === type) keys.add(`${type} ${blob}`);
  }
  return [...keys];
}

async function readThroughAgent(connection: Connection, found: Found, context: CallContext): Promise<string> {
  const machine = connection.client.api(context).nodes.$(found.at.node).qemu.$(found.at.vmid);
  let lines = '';
  for (const type of TYPES) {
    try {
      const answer = await machine.agent['file-read'].$get({ file: `/etc/ssh/ssh_host_${type}_key.pub` } as never);
      lines += `${text((answer as { content?: unknown }).content ?? '')}\n`;
    } catch (error) {
      // A guest need not have a key of every type; an agent that is not there yet is the caller's wait.
      if (!(error instanceof WorldFailure) || error.failure.code.startsWith('guest.agent') || lines === '') {
        if (
          type !== TYPES.at(-1) &&
          error instanceof WorldFailure &&
          /no such file|failed to open/i.test(error.message)
        )
          continue;
        throw error;
      }
    }
  }
  return lines;
}
