/** What a request is refused with. Proxmox puts the first line into the reason phrase and the whole text into the body. */
export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(
    readonly status: number,
    /** With its final newline where Proxmox has one. */
    readonly text: string,
    readonly errors?: Readonly<Record<string, string>>,
    /** 401 of tickets and tokens, 595 and 596 come without any body; what the HTTP server itself refuses is plain text. */
    readonly body: 'json' | 'text' | 'none' = 'json',
  ) {
    super(text.trimEnd());
  }
}

/** A Perl `die` in a handler: 500 with the text. */
export const fail = (text: string): ApiError => new ApiError(500, text.endsWith('\n') ? text : `${text}\n`);

export const parameterError = (errors: Readonly<Record<string, string>>): ApiError =>
  new ApiError(400, 'Parameter verification failed.\n', errors);

export const forbidden = (what?: string): ApiError =>
  new ApiError(403, what ? `Permission check failed (${what})\n` : 'Permission check failed\n');

export const notImplemented = (method: string, path: string): ApiError =>
  new ApiError(501, `Method '${method} ${path}' not implemented`);

/** What a refusal becomes where Proxmox passes it on as text: its number in front, what is wrong with parameters line by line. */
function asText({ status, text, errors }: ApiError): string {
  if (status === 500) return text;
  return `${status} ${text}${Object.entries(errors ?? {})
    .map(([name, why]) => `${name}: ${why}\n`)
    .join('')}`;
}

/** Runs what Proxmox runs under a lock that turns refusals into text, with what was to be done in front. */
export function lockedWith<T>(doing: string | undefined, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    throw fail(`${doing === undefined ? '' : `${doing}: `}${asText(error)}`);
  }
}

/** 401 with everything in the reason phrase. */
export const unauthorized = (reason: string): ApiError => new ApiError(401, reason, undefined, 'none');

/** What the HTTP server refuses before any API method is looked for. */
export const refusedByServer = (status: number, text: string): ApiError =>
  new ApiError(status, text, undefined, 'text');
