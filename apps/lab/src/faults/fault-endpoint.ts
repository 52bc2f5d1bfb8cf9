/** POST, GET and DELETE /lab/faults: for tests, on loopback, off unless the lab was started with faults. See README.md. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Lab } from '../lab.js';
import { ACTION_EFFECTS, type Fault, REQUEST_EFFECTS, STATE_EFFECTS, TASK_EFFECTS } from './fault-book.js';

const EFFECTS: readonly string[] = [...REQUEST_EFFECTS, ...TASK_EFFECTS, ...STATE_EFFECTS, ...ACTION_EFFECTS];
const TEXTS = ['method', 'path', 'task', 'node', 'storage', 'message', 'lock'] as const;
const NUMBERS = ['vmid', 'status', 'seconds', 'times'] as const;

class BadFault extends Error {}

function parse(text: string): Omit<Fault, 'id'> {
  const source = JSON.parse(text === '' ? '{}' : text) as Record<string, unknown>;
  if (typeof source.effect !== 'string' || !EFFECTS.includes(source.effect))
    throw new BadFault(`effect: one of ${EFFECTS.join(', ')}`);
  const known: readonly string[] = ['effect', ...TEXTS, ...NUMBERS];
  for (const key of Object.keys(source)) if (!known.includes(key)) throw new BadFault(`${key}: unknown field`);
  const fault: Record<string, unknown> = { effect: source.effect };
  for (const key of TEXTS) {
    if (source[key] === undefined) continue;
    if (typeof source[key] !== 'string') throw new BadFault(`${key}: must be a text`);
    fault[key] = source[key];
  }
  for (const key of NUMBERS) {
    if (source[key] === undefined) continue;
    if (typeof source[key] !== 'number' || !Number.isFinite(source[key]) || source[key] < 0)
      throw new BadFault(`${key}: must be a number, 0 or more`);
    fault[key] = source[key];
  }
  fault.times ??= (STATE_EFFECTS as readonly string[]).includes(source.effect) ? 0 : 1;
  return fault as unknown as Omit<Fault, 'id'>;
}

/** Effects that are done at once. True when it was one. */
async function perform(lab: Lab, fault: Omit<Fault, 'id'>): Promise<boolean> {
  if (!(ACTION_EFFECTS as readonly string[]).includes(fault.effect)) return false;
  if (fault.effect === 'certificate') {
    await lab.renewCertificate();
    return true;
  }
  const guest = lab.state.guests.get(fault.vmid ?? 0);
  if (!guest) throw new BadFault(`vmid: no guest ${fault.vmid ?? '(none given)'}`);
  if (fault.effect === 'lock') guest.config.lock = fault.lock ?? 'backup';
  if (fault.effect === 'unlock') delete guest.config.lock;
  if (fault.effect === 'stop-guest') {
    await lab.runtime.stop(guest.vmid);
    delete guest.running;
  }
  lab.state.saveGuest(guest);
  return true;
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) });
  response.end(text);
}

export async function handleFaultRequest(lab: Lab, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const peer = request.socket.remoteAddress ?? '';
  const local = peer === '::1' || peer.startsWith('127.') || peer.startsWith('::ffff:127.');
  const [, id] = /^\/lab\/faults(?:\/(\d+))?$/.exec(request.url ?? '') ?? [null, null];
  if (!lab.faultsEnabled || !local || id === null) {
    answer(response, 404, {
      error: lab.faultsEnabled ? 'no such place' : 'faults are off: start the lab with --faults',
    });
    return;
  }
  try {
    if (request.method === 'GET') answer(response, 200, { faults: lab.faults.list() });
    else if (request.method === 'DELETE')
      answer(response, 200, { removed: lab.faults.remove(id ? Number(id) : undefined) });
    else if (request.method === 'POST') {
      let text = '';
      for await (const chunk of request as AsyncIterable<Buffer>) {
        text += chunk.toString('utf8');
        if (text.length > 65_536) throw new BadFault('body: too large');
      }
      const fault = parse(text);
      if (await perform(lab, fault)) answer(response, 200, { done: fault.effect });
      else answer(response, 200, { fault: lab.faults.add(fault) });
    } else answer(response, 405, { error: 'GET, POST or DELETE' });
  } catch (error) {
    const bad = error instanceof BadFault || error instanceof SyntaxError;
    answer(response, bad ? 400 : 500, { error: error instanceof Error ? error.message : String(error) });
  }
}
