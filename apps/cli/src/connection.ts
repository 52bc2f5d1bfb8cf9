import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import createClient, { type Client } from 'openapi-fetch';
import type { paths } from '../../../docs/reference/openapi.js';
import { EXIT, Failure } from './failure.js';

export interface Connection {
  readonly api: Client<paths>;
  readonly url: string;
  readonly token: string;
}

export interface ConnectionOptions {
  readonly url?: string;
  readonly tokenFile?: string;
}

export const DEFAULT_URL = 'http://127.0.0.1:7080';

/** State folder of a control plane started here (`BASTIDE_STATE_DIR`, default `.bastide` in the working directory). */
export const stateDirectory = (): string => process.env.BASTIDE_STATE_DIR ?? join(process.cwd(), '.bastide');

/** Finds the control plane: `--url`/`BASTIDE_URL`, and its token: `BASTIDE_TOKEN`, `--token-file`/`BASTIDE_TOKEN_FILE`, else the file in the state folder. */
export async function connect(options: ConnectionOptions): Promise<Connection> {
  const url = (options.url ?? process.env.BASTIDE_URL ?? DEFAULT_URL).replace(/\/+$/, '');
  const file = options.tokenFile ?? process.env.BASTIDE_TOKEN_FILE ?? join(stateDirectory(), 'api-token');
  let token = process.env.BASTIDE_TOKEN ?? '';
  if (!token) {
    token = await readFile(file, 'utf8').then(
      (text) => text.trim(),
      (error: NodeJS.ErrnoException) => {
        throw new Failure(
          EXIT.usage,
          `the token file ${file} cannot be read (${error.code}): start the control plane here, or name its token file with --token-file or BASTIDE_TOKEN_FILE`,
        );
      },
    );
  }
  const api = createClient<paths>({ baseUrl: url, headers: { authorization: `Bearer ${token}` }, fetch: reach(url) });
  return { api, url, token };
}

/** A connection that cannot be made is told as such, not as a stack trace. */
export const reach =
  (url: string): ((request: Request) => Promise<Response>) =>
  async (request) => {
    try {
      return await fetch(request);
    } catch (error) {
      const cause = (error as { cause?: { code?: string; message?: string } }).cause;
      throw new Failure(
        EXIT.unreachable,
        `the control plane at ${url} cannot be reached (${cause?.code ?? cause?.message ?? String(error)}): is it running?`,
      );
    }
  };
