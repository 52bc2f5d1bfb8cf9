import { randomBytes } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { stripVTControlCharacters } from 'node:util';
import WebSocket from 'ws';
import type { CallContext, GuestLocation } from '../../application/substrates/substrate.port.js';
import { WorldFailure } from '../../domain/problem.js';
import { text } from './answers.js';
import { classifyNetwork } from './classify.js';
import type { Connection } from './connection.js';
import { openPinned } from './pinned-connection.js';

/** More than any command here prints; a console that floods is cut. */
const MOST_OUTPUT = 256 * 1024;

const TYPE_AGAIN_MS = 700;

/**
 * Runs one command on a container's console and returns what it printed. Proxmox's terminal protocol (pve-xtermjs):
 * first `user:ticket\n`, answered by `OK`; then `0:LENGTH:DATA` types, `1:COLUMNS:ROWS:` resizes, `2` keeps alive, and
 * what comes back is the terminal's raw output. The output lies between two lines with a random mark; what was typed and
 * the prompts are in it too, so the caller picks the lines that are his.
 *
 * Errors: `guest.console` when no shell answered within `ms`.
 */
export async function runOnConsole(
  connection: Connection,
  at: GuestLocation,
  command: string,
  ms: number,
  context: CallContext,
): Promise<string> {
  const api = connection.client.api(context);
  const proxy = await api.nodes.$(at.node).lxc.$(at.vmid).termproxy.$post();
  const access = connection.client.socketAccess;
  const query = new URLSearchParams({ port: text(proxy.port), vncticket: text(proxy.ticket) });
  const path = `/api2/json/nodes/${encodeURIComponent(at.node)}/lxc/${at.vmid}/vncwebsocket?${query.toString()}`;
  const host = access.host.includes(':') ? `[${access.host}]` : access.host;
  const socket = new WebSocket(`wss://${host}:${access.port}${path}`, 'binary', {
    headers: { Authorization: access.authorization },
    perMessageDeflate: false,
    maxPayload: MOST_OUTPUT,
    // Asynchronous on purpose: nothing is sent before the certificate is known to be the right one.
    createConnection: ((_: unknown, done: (error: Error | null, socket: TLSSocket | null) => void) => {
      openPinned(access, done);
      return undefined;
    }) as never,
  });
  try {
    return await converse(socket, `${text(proxy.user)}:${text(proxy.ticket)}\n`, command, at, ms, context);
  } finally {
    socket.terminate();
  }
}

function converse(
  socket: WebSocket,
  login: string,
  command: string,
  at: GuestLocation,
  ms: number,
  context: CallContext,
): Promise<string> {
  const mark = randomBytes(9).toString('hex');
  // One plain command a line: any shell takes that, and the echo of what was typed never begins with a marker.
  const typed = ` echo B ${mark}\n ${command}\n echo E ${mark}\n`;
  const framed = new RegExp(`^B ${mark}\n([^]*?)^E ${mark}$`, 'm');
  return new Promise((resolve, reject) => {
    let output = '';
    let ready = false;
    // The shell's terminal throws away what was typed while it was being set up, so it is typed again until it is heard.
    let typing: NodeJS.Timeout | undefined;
    const type = (): void => {
      if (socket.readyState === WebSocket.OPEN) socket.send(`0:${Buffer.byteLength(typed)}:${typed}`);
      typing = setTimeout(type, TYPE_AGAIN_MS);
    };
    const stop = () => finish(() => reject(context.signal.reason as Error));
    const timer = setTimeout(() => finish(() => reject(noShell(at, ms, ready))), ms);
    const finish = (settle: () => void) => {
      clearTimeout(timer);
      clearTimeout(typing);
      context.signal.removeEventListener('abort', stop);
      settle();
    };
    context.signal.addEventListener('abort', stop, { once: true });
    socket.on('open', () => socket.send(login));
    socket.on('error', (error) => finish(() => reject(classifyNetwork(`console of guest ${at.vmid}`, error))));
    socket.on('close', () => finish(() => reject(noShell(at, ms, ready))));
    socket.on('message', (data: Buffer) => {
      output = (output + data.toString('utf8')).slice(-MOST_OUTPUT);
      if (!ready) {
        if (!output.startsWith('OK')) return;
        ready = true;
        output = output.slice(2);
        socket.send('1:500:50:');
        type();
      }
      // Line editors put colours and bracketed-paste marks around everything.
      const match = framed.exec(stripVTControlCharacters(output).replaceAll('\r', ''));
      if (match) finish(() => resolve(match[1]!));
    });
  });
}

function noShell(at: GuestLocation, ms: number, ready: boolean): WorldFailure {
  return new WorldFailure({
    code: 'guest.console',
    retryable: 'now',
    message: ready
      ? `The console of guest ${at.vmid} showed no root shell within ${ms / 1000} s`
      : `The console of guest ${at.vmid} did not open within ${ms / 1000} s`,
    hint: 'The container needs the console mode "shell" (Options → Console mode), and the token the right VM.Console.',
  });
}
