/**
 * From an authenticated request to its answer, in Proxmox's own order: route, conflicting parameters, token allowed, permission,
 * node (595 when it is down), parameter check, handler. Permission therefore comes before existence.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { checkPermissions } from '../access/check-permissions.js';
import type { Lab } from '../lab.js';
import { findRoute } from '../schema/schema.js';
import { validate } from '../schema/validate.js';
import { ApiError, fail, forbidden, notImplemented, parameterError } from './api-error.js';
import { type RawParameters, textOf, type Upload } from './body.js';
import { Call, type Caller, type Handlers } from './call.js';
import { checkQuorum } from './quorum.js';

export interface Answer {
  readonly data: unknown;
  readonly extra: Readonly<Record<string, unknown>>;
}

/** A node that is down is noticed after this time, as a TCP connect to it would. */
const CONNECT_TIMEOUT_MS = 3000;

async function checkNode(lab: Lab, node: string): Promise<void> {
  if (node === 'localhost') return;
  if (!lab.nodes.includes(node))
    throw fail(`hostname lookup '${node}' failed - failed to get address info for: ${node}: Name or service not known`);
  if (node !== lab.nodes[0] && lab.faults.isNodeDown(node)) {
    await sleep(CONNECT_TIMEOUT_MS);
    throw new ApiError(595, 'No route to host', undefined, 'none');
  }
}

/** Whoever is told that a change is done may count on it, so none is while the lab's own disk is full. */
function checkRoom(lab: Lab, method: string): void {
  if (method !== 'GET' && lab.journal.behind !== undefined)
    throw fail(`unable to write to the lab's folder - ${lab.journal.behind}`);
}

export async function dispatch(
  lab: Lab,
  handlers: Handlers,
  request: { method: string; path: string; raw: RawParameters; upload?: Upload },
  caller: Caller | undefined,
): Promise<Answer> {
  const route = findRoute(request.method, request.path);
  if (!route) throw notImplemented(request.method, request.path);
  const { api, pathParameters } = route;
  const raw: RawParameters = { ...request.raw };
  for (const [name, value] of Object.entries(pathParameters)) {
    if (raw[name] !== undefined && textOf(raw[name]) !== value)
      throw parameterError({ [name]: 'duplicate parameter (already defined in URI) with conflicting values!' });
    raw[name] = value;
  }
  if (caller?.isToken && !api.tokensAllowed)
    throw forbidden(`URI '${request.path}' not available with API token, need proper ticket.\n`);
  checkPermissions(lab.directory, api, caller?.id, raw);
  if (api.proxy) await checkNode(lab, textOf(raw[api.proxy]));
  const { parameters, errors } = validate(api, raw);
  if (Object.keys(errors).length > 0) throw parameterError(errors);
  const handler = handlers[api.key];
  if (!handler)
    throw new ApiError(501, `Method '${request.method} ${request.path}' not implemented by this lab (Bastide lab)`);
  checkQuorum(lab, request.method, request.path);
  checkRoom(lab, request.method);
  if (parameters.node === 'localhost') parameters.node = lab.nodes[0] ?? '';
  const call = new Call(
    lab,
    caller ?? { id: '', userid: '', isToken: false, isRoot: false },
    parameters,
    request.path,
    request.upload,
  );
  const data = await handler(call);
  checkRoom(lab, request.method);
  return { data: data === undefined ? null : data, extra: call.extra };
}
