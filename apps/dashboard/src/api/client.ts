import createClient from 'openapi-fetch';
import type { paths } from '../../../../docs/reference/openapi.js';
import { Problem, problemOf } from './problem.js';
import { sessionSignal } from './session-signal.js';

/** The address of the dashboard without a slash at the end: everything lies below it, also behind a proxy under a path. */
export const baseUrl = new URL('.', document.baseURI).href.replace(/\/$/, '');

const SAFE = new Set(['GET', 'HEAD']);

async function send(request: Request): Promise<Response> {
  const asked = request.clone();
  // Modules and blueprints have texts in several languages; the one chosen here need not be the browser's.
  asked.headers.set('accept-language', document.documentElement.lang || 'en');
  const token = sessionSignal.csrfToken();
  if (token && !SAFE.has(asked.method)) asked.headers.set('x-csrf-token', token);
  try {
    return await fetch(asked);
  } catch (error) {
    if (request.signal.aborted) throw error;
    throw new Problem({ status: 0, code: 'server.unreachable', message: (error as Error).message });
  }
}

const saysNoSession = async (answer: Response): Promise<boolean> =>
  answer.status === 401 &&
  (
    (await answer
      .clone()
      .json()
      .catch(() => undefined)) as { code?: string } | undefined
  )?.code === 'auth.missing';

/** fetch with the CSRF token; an expired session is asked for in place and the request sent again. */
export async function sessionFetch(request: Request): Promise<Response> {
  const answer = await send(request);
  if (!(await saysNoSession(answer)) || !(await sessionSignal.again(request.signal))) return answer;
  return send(request);
}

/** The typed client: paths, bodies and answers come from the OpenAPI document. Use it through {@link ask}. */
export const api = createClient<paths>({ baseUrl, fetch: sessionFetch });

/** The answer's body; throws a {@link Problem} where the server refused or was not reached. */
export async function ask<T>(asked: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await asked;
  if (!response.ok) throw problemOf(response.status, error);
  return data as T;
}
