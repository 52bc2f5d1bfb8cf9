import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import createClient, { type Client } from 'openapi-fetch';
import type { paths } from '../../../docs/reference/openapi.js';
import { EXIT, Failure } from './failure.js';
import { readSession } from './session-file.js';
import { isUntrusted, trustFor } from './trust.js';

export interface Connection {
  readonly api: Client<paths>;
  readonly url: string;
  /** What tells the control plane who asks, for requests past the typed client. */
  readonly headers: Readonly<Record<string, string>>;
  /** A person's own session, and not a token. */
  readonly person: boolean;
}

export interface ConnectionOptions {
  readonly url?: string;
  readonly tokenFile?: string;
  /** File with the authority of the control plane's certificate. */
  readonly ca?: string;
}

export const DEFAULT_URL = 'http://127.0.0.1:7080';

/** State folder of a control plane started here (`BASTIDE_STATE_DIR`, default `.bastide` in the working directory). */
export const stateDirectory = (): string => process.env.BASTIDE_STATE_DIR ?? join(process.cwd(), '.bastide');

const urlOf = (options: ConnectionOptions): string =>
  (options.url ?? process.env.BASTIDE_URL ?? DEFAULT_URL).replace(/\/+$/, '');

/** For who is nobody yet. */
export async function anonymous(options: ConnectionOptions): Promise<Pick<Connection, 'api' | 'url'>> {
  const url = urlOf(options);
  await trustFor(url, options.ca, stateDirectory());
  return { url, api: createClient<paths>({ baseUrl: url, fetch: reach(url) }) };
}

/**
 * Finds the control plane: `--url`/`BASTIDE_URL`; and who asks: `BASTIDE_TOKEN`, `--token-file`/`BASTIDE_TOKEN_FILE`, the
 * session that `bastide login` left for this address, else the token file in the state folder.
 */
export async function connect(options: ConnectionOptions): Promise<Connection> {
  const url = urlOf(options);
  await trustFor(url, options.ca, stateDirectory());
  const named = options.tokenFile ?? process.env.BASTIDE_TOKEN_FILE;
  const session = process.env.BASTIDE_TOKEN || named ? undefined : await readSession(url);
  const headers: Record<string, string> = session
    ? { cookie: `bastide_session=${session.cookie}`, 'x-csrf-token': session.csrfToken }
    : { authorization: `Bearer ${process.env.BASTIDE_TOKEN || (await tokenFrom(named))}` };
  const api = createClient<paths>({ baseUrl: url, headers, fetch: reach(url) });
  return { api, url, headers, person: session !== undefined };
}

async function tokenFrom(named: string | undefined): Promise<string> {
  const file = named ?? join(stateDirectory(), 'api-token');
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    throw new Failure(
      EXIT.usage,
      `the token file ${file} cannot be read (${(error as NodeJS.ErrnoException).code}): sign in with bastide login, start the control plane here, or name its token file with --token-file or BASTIDE_TOKEN_FILE`,
    );
  }
}

/** Nobody here knows the authority of its certificate. */
export class Untrusted extends Failure {
  constructor(readonly url: string) {
    super(
      EXIT.unreachable,
      `the certificate of ${url} comes from an authority that is not known here: bastide login asks whether to trust it, or name the authority’s file with --ca or BASTIDE_CA`,
    );
  }
}

/** A connection that cannot be made is told as such, not as a stack trace. */
export const reach =
  (url: string): ((request: Request) => Promise<Response>) =>
  async (request) => {
    try {
      return await fetch(request);
    } catch (error) {
      const cause = (error as { cause?: { code?: string; message?: string } }).cause;
      if (isUntrusted(cause?.code)) throw new Untrusted(url);
      throw new Failure(
        EXIT.unreachable,
        `the control plane at ${url} cannot be reached (${cause?.code ?? cause?.message ?? String(error)}): is it running?`,
      );
    }
  };
