/**
 * GET …/vncwebsocket: the terminal of a guest. Subprotocol `binary`; the client first sends `user:ticket\n` and gets `OK`; then
 * its frames are `0:LENGTH:DATA` (input), `1:COLUMNS:ROWS:` (size) and `2` (ping). Output comes back as it is.
 */
import type { IncomingMessage } from 'node:http';
import type { Server } from 'node:https';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { ApiError } from '../http/api-error.js';
import { authenticate } from '../http/authenticate.js';
import type { Lab } from '../lab.js';
import type { GuestConsole } from '../runtime/guest-runtime.port.js';
import type { Guest, GuestType } from '../state/model.js';
import { loadGuest } from './guests.js';

const PATH = /^\/api2\/json\/nodes\/([^/]+)\/(lxc|qemu)\/(\d+)\/vncwebsocket$/;
/** Milliseconds a client has to show its ticket. */
const GREETING_MS = 10_000;
const MAX_FRAME = 1024 * 1024;

function refuse(socket: Duplex, status: number, reason: string): void {
  socket.end(
    `HTTP/1.1 ${status} ${reason.replace(/[^\x20-\x7e]/g, '?')}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
  );
}

const statusOf = (error: unknown) => (error instanceof ApiError ? error.status : 401);

/** Cuts complete messages off the front of what came in; the rest waits. */
function takeMessages(
  buffer: Buffer,
  on: { input(data: Buffer): void; resize(columns: number, rows: number): void },
): Buffer {
  let rest = buffer;
  while (rest.length > 0) {
    const kind = rest[0];
    if (kind === 0x32) {
      rest = rest.subarray(1);
      continue;
    }
    const head = rest.toString('latin1', 0, 32);
    const input = /^0:(\d+):/.exec(head);
    const size = /^1:(\d+):(\d+):/.exec(head);
    if (input) {
      const start = input[0].length;
      const end = start + Number(input[1]);
      if (end - start > MAX_FRAME) throw new Error('frame too large');
      if (rest.length < end) return rest;
      on.input(rest.subarray(start, end));
      rest = rest.subarray(end);
    } else if (size) {
      on.resize(Number(size[1]), Number(size[2]));
      rest = rest.subarray(size[0].length);
    } else if (rest.length > 32 || (kind !== 0x30 && kind !== 0x31)) throw new Error('not a terminal frame');
    else return rest;
  }
  return rest;
}

async function serve(lab: Lab, socket: WebSocket, holder: string, guest: Guest, port: number): Promise<void> {
  const { vmid } = guest;
  let console: GuestConsole | undefined;
  let waiting = Buffer.alloc(0);
  let greeted = false;
  const timer = setTimeout(() => socket.close(1008, 'no ticket'), GREETING_MS);
  const greet = async () => {
    const end = waiting.indexOf(0x0a);
    if (end < 0) {
      if (waiting.length > 4096) socket.close(1008, 'authentication failed');
      return;
    }
    const line = waiting.toString('utf8', 0, end);
    waiting = waiting.subarray(end + 1);
    const ticket = line.startsWith(`${holder}:`) ? line.slice(holder.length + 1) : '';
    clearTimeout(timer);
    if (!lab.tickets.verifyConsole(holder, `/vms/${vmid}`, ticket, port)) {
      socket.close(1008, 'authentication failed');
      return;
    }
    greeted = true;
    socket.send(Buffer.from('OK'));
    if (!guest.running || guest.running.hollow) {
      socket.close(1000);
      return;
    }
    console = await lab.runtime.console(vmid);
    console.onData((data) => socket.readyState === socket.OPEN && socket.send(data));
    console.onClose(() => socket.close(1000));
  };
  let queue = Promise.resolve();
  socket.on('message', (data: Buffer) => {
    queue = queue
      .then(async () => {
        waiting = Buffer.concat([waiting, data]);
        if (!greeted) await greet();
        if (!console) return;
        const open = console;
        waiting = Buffer.from(
          takeMessages(waiting, {
            input: (bytes) => open.write(bytes),
            resize: (columns, rows) => open.resize(columns, rows),
          }),
        );
      })
      .catch((error: unknown) =>
        socket.close(1011, error instanceof Error ? error.message.slice(0, 100) : 'console failed'),
      );
  });
  socket.on('close', () => {
    clearTimeout(timer);
    console?.close();
  });
  socket.on('error', () => socket.terminate());
}

/** Takes the upgrade requests of the server. Closing is through `close`. */
export function attachConsoles(lab: Lab, server: Server): { close(): void } {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_FRAME,
    handleProtocols: (offered) => (offered.has('binary') ? 'binary' : false),
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    try {
      const url = new URL(request.url ?? '/', 'https://lab');
      const [, node = '', type = '', id = ''] = PATH.exec(decodeURIComponent(url.pathname)) ?? [];
      if (!node) {
        refuse(socket, 501, 'Not Implemented');
        return;
      }
      const path = `/nodes/${node}/${type}/${id}/vncwebsocket`;
      const caller = authenticate(lab, request, 'GET', path);
      const vmid = Number(id);
      if (!caller || (!caller.isRoot && !lab.directory.has(caller.id, `/vms/${vmid}`, ['VM.Console']))) {
        refuse(socket, 403, `Permission check failed (/vms/${vmid}, VM.Console)`);
        return;
      }
      const port = Number(url.searchParams.get('port') ?? 0);
      if (!lab.tickets.verifyConsole(caller.id, `/vms/${vmid}`, url.searchParams.get('vncticket') ?? '', port)) {
        refuse(socket, 401, 'permission denied - invalid PVEVNC ticket');
        return;
      }
      const guest = loadGuest(lab, type as GuestType, node, vmid);
      sockets.handleUpgrade(request, socket, head, (open) => void serve(lab, open, caller.id, guest, port));
    } catch (error) {
      refuse(socket, statusOf(error), error instanceof Error ? error.message : 'Authentication failed!');
    }
  });
  return {
    close() {
      for (const client of sockets.clients) client.terminate();
      sockets.close();
    },
  };
}
