import { type Problem, Refusal, WorldFailure } from '../../domain/problem.js';
import { FAILURES, type FailureRow } from './failure-table.js';

/** What the server answered, when it was not a success. Sources of the texts: docs of each row in failure-table.ts. */
export interface BadAnswer {
  /** `POST /nodes/pve1/lxc`: never with parameters, they may hold secrets. */
  readonly call: string;
  readonly status: number;
  /** HTTP reason phrase: with status 401, 403, 595 the only text there is. */
  readonly reason: string;
  readonly body: string;
}

/** The longest text of the world's that goes into a message. */
const LIMIT = 600;

/**
 * A typed error from status, reason phrase and body. The rows are tried in order; the first that matches decides. A 403
 * becomes a `Refusal` `permission.missing` that names right and path.
 */
export function classifyAnswer(answer: BadAnswer): WorldFailure | Refusal {
  const { message, errors } = parseBody(answer.body);
  const text = clean([message ?? answer.reason, ...errors].join('; '));
  if (answer.status === 403) return missingPermission(text, answer.call);
  return classifyText(text, { status: answer.status, call: answer.call });
}

/** A typed error from a task's exit text: anything but `OK` and an accepted `WARNINGS: n`. */
export function classifyTask(task: { type: string; exit: string; what: string; tail: readonly string[] }) {
  return classifyText(clean(task.exit), { what: task.what, task: task.type, tail: task.tail });
}

interface Origin {
  readonly status?: number;
  readonly call?: string;
  readonly what?: string;
  readonly task?: string;
  readonly tail?: readonly string[];
}

function classifyText(text: string, origin: Origin): WorldFailure | Refusal {
  const row = FAILURES.find(
    (r) => (r.status === undefined || r.status === origin.status) && (r.text === undefined || r.text.test(text)),
  );
  // 5xx of a proxy in between and the like: nothing is known, so the step may try again.
  const known: FailureRow = row ?? {
    code: 'substrate.refused',
    retryable: (origin.status ?? 500) > 500 ? 'now' : 'never',
  };
  const subject = origin.what ?? origin.call ?? 'Proxmox VE';
  if (known.permission) return missingPermission(text, subject);
  const message = `${subject}: ${text || `HTTP ${origin.status}`}`;
  const details = {
    ...(origin.status === undefined ? {} : { status: origin.status }),
    ...(origin.call === undefined ? {} : { call: origin.call }),
    ...(origin.task === undefined ? {} : { task: origin.task }),
    ...(origin.tail?.length ? { tail: origin.tail } : {}),
    text,
  };
  return new WorldFailure({
    code: known.code,
    retryable: known.retryable,
    message,
    ...(known.hint ? { hint: known.hint } : {}),
    details,
  });
}

/** Network errors of a call: nothing came back, so the outcome of a write is unknown and only a new look tells. */
export function classifyNetwork(call: string, error: unknown): WorldFailure | Refusal {
  const chain = causes(error);
  const refusal = chain.find((e) => e instanceof Refusal);
  if (refusal) return refusal as Refusal;
  const known = chain.find((e) => e instanceof WorldFailure);
  if (known) return known as WorldFailure;
  const codes = chain.map((e) => (e as NodeJS.ErrnoException).code).filter((c) => c !== undefined);
  const said = (chain.at(-1) as Error | undefined)?.message ?? String(error);
  return new WorldFailure(
    {
      code: 'substrate.unreachable',
      retryable: 'now',
      message: `${call}: no answer (${codes[0] ?? said})`,
      hint: 'Is the node up, is port 8006 reachable from the control plane, and is the endpoint right?',
      details: { call, ...(codes.length ? { code: codes[0] } : {}) },
    },
    { cause: error },
  );
}

export function timedOut(call: string, afterMs: number): WorldFailure {
  const [, node, storage] = /\/nodes\/([^/]+)(?:\/storage\/([^/]+))?/.exec(call) ?? [];
  const who = storage ? `storage ${storage} on ${node}` : node ? `node ${node}` : 'Proxmox VE';
  return new WorldFailure({
    code: 'substrate.timeout',
    retryable: 'now',
    message: `${who} did not answer ${call} within ${Math.round(afterMs / 100) / 10} s`,
    hint: storage
      ? `Look at storage ${storage}: a hung network storage blocks every call that touches it.`
      : 'Look at the load and the storages of that node.',
    details: { call, ...(node ? { node } : {}), ...(storage ? { storage } : {}) },
  });
}

export const isFailure = (error: unknown, ...codes: readonly string[]): error is WorldFailure =>
  error instanceof WorldFailure && codes.includes(error.failure.code);

/** `Permission check failed (/vms/103, VM.Config.Memory)` → the refusal; several rights are separated by `|` or `,`. */
function missingPermission(text: string, subject: string): Refusal {
  const [, path, rights] = /\((\/[^,\s)]*),\s*([^)]+)\)/.exec(text) ?? [];
  const problem: Problem = {
    code: 'permission.missing',
    subject: path ?? subject,
    message: path
      ? `The API token lacks ${rights} on ${path}.`
      : `The API token may not do this: ${text || 'permission denied'}.`,
    remedy: 'Run the doctor of this substrate: it prints the one pveum command that grants what is missing.',
    details: { text, call: subject, ...(path ? { path, rights: rights?.split(/[|,\s]+/) } : {}) },
  };
  return new Refusal(problem);
}

function parseBody(body: string): { message?: string; errors: string[] } {
  try {
    const json = JSON.parse(body) as { message?: unknown; errors?: unknown } | null;
    const errors =
      json && typeof json.errors === 'object' && json.errors !== null
        ? Object.entries(json.errors).map(([name, text]) => `${name}: ${String(text)}`)
        : [];
    return { ...(typeof json?.message === 'string' && json.message ? { message: json.message } : {}), errors };
  } catch {
    return { errors: [] };
  }
}

function causes(error: unknown): unknown[] {
  const chain: unknown[] = [];
  for (let e = error; e && chain.length < 10; e = (e as { cause?: unknown }).cause) {
    chain.push(e);
    if (e instanceof AggregateError) chain.push(...(e.errors as unknown[]));
  }
  return chain;
}

const clean = (text: string): string => text.replace(/\s+/g, ' ').trim().slice(0, LIMIT);
