/**
 * Why the server refused, as it said it (RFC 9457): code for machines, subject, message and remedy for people.
 * `fields` are findings that belong beside a form's field. Status 0: no server said it; none was reached, or the page
 * itself refuses.
 */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly subject: string;
  readonly remedy: string;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(given: {
    status: number;
    code: string;
    message: string;
    subject?: string;
    remedy?: string;
    details?: Record<string, unknown>;
  }) {
    super(given.message);
    this.name = 'Problem';
    this.status = given.status;
    this.code = given.code;
    this.subject = given.subject ?? '';
    this.remedy = given.remedy ?? '';
    this.details = given.details ?? {};
  }

  /** Messages by field name, for Mantine's `form.setErrors`. */
  get fields(): Record<string, string> {
    const found: Record<string, string> = {};
    const listed = this.details['fields'];
    if (!Array.isArray(listed)) return found;
    for (const entry of listed as { field?: unknown; message?: unknown }[])
      if (typeof entry.field === 'string' && typeof entry.message === 'string') found[entry.field] ??= entry.message;
    return found;
  }
}

/** Anything thrown, as a problem: what came over the wire keeps its words. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new Problem({ status: 0, code: 'client.failed', message });
}

/** A body of an answer that was not OK, as a problem; a proxy may answer with something that is no problem document. */
export function problemOf(status: number, body: unknown): Problem {
  const told = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
  const text = (key: string): string | undefined => (typeof told[key] === 'string' ? (told[key] as string) : undefined);
  const details = told['details'];
  return new Problem({
    status,
    code: text('code') ?? `http.${status}`,
    message: text('detail') ?? text('title') ?? `HTTP ${status}`,
    ...(text('subject') ? { subject: text('subject') as string } : {}),
    ...(text('remedy') ? { remedy: text('remedy') as string } : {}),
    ...(typeof details === 'object' && details !== null ? { details: details as Record<string, unknown> } : {}),
  });
}
