import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Logger } from '@nestjs/common';
import type { Request, Response } from 'express';
import { ulid } from 'ulid';
import { PROBLEM_CODES, type Problem, Refusal, WorldFailure } from '../domain/problem.js';

/** RFC 9457 body; `code`, `subject`, `remedy` are extensions of ours. */
interface ProblemBody extends Omit<Problem, 'message'> {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
}

/** The one place where an error becomes an answer. What is no refusal is a bug: logged with an id, told without a word of its inside. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  readonly #log = new Logger(ProblemFilter.name);

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<Request>();
    const response = http.getResponse<Response>();
    if (response.headersSent) {
      const known = error instanceof Refusal || error instanceof WorldFailure;
      if (!known) this.#log.error({ path: request.path, err: error }, 'answer broken off');
      response.destroy(error as Error);
      return;
    }
    const { status, problem } = this.#read(error, request);
    const body: ProblemBody = {
      type: `https://bastide.dev/problems/${problem.code}`,
      title: problem.code,
      status,
      detail: problem.message,
      instance: request.originalUrl.split('?')[0] ?? '/',
      code: problem.code,
      subject: problem.subject,
      remedy: problem.remedy,
      ...(problem.details ? { details: problem.details } : {}),
    };
    const wait = problem.details?.['retryAfterMs'];
    if (status === 429 && typeof wait === 'number') response.setHeader('retry-after', String(Math.ceil(wait / 1000)));
    response.status(status).type('application/problem+json').send(JSON.stringify(body));
  }

  #read(error: unknown, request: Request): { status: number; problem: Problem } {
    if (error instanceof Refusal) return { status: PROBLEM_CODES[error.problem.code], problem: error.problem };
    if (error instanceof WorldFailure) {
      const { code, message, hint } = error.failure;
      return {
        status: 503,
        problem: {
          code: 'substrate.unreachable',
          subject: code,
          message,
          remedy: hint ?? 'Try again; if it stays, look at the control plane’s log.',
        },
      };
    }
    if (error instanceof HttpException) {
      const status = error.getStatus();
      const code =
        status === 404
          ? 'not_found'
          : status === 401
            ? 'auth.missing'
            : status === 403
              ? 'auth.denied'
              : 'request.invalid';
      return {
        status,
        problem: {
          code,
          subject: `${request.method} ${request.path}`,
          message: error.message,
          remedy: 'See the API’s description under /api/v1/openapi.json.',
        },
      };
    }
    const body = error as { type?: string; status?: number };
    if (typeof body?.type === 'string' && typeof body.status === 'number' && body.status < 500) {
      return {
        status: body.status,
        problem: {
          code: 'request.invalid',
          subject: 'body',
          message: `The body cannot be read: ${body.type}.`,
          remedy: 'Send valid JSON of at most 1 MiB.',
        },
      };
    }
    const id = ulid();
    this.#log.error({ requestId: id, path: request.path, err: error }, 'request failed');
    return {
      status: 500,
      problem: {
        code: 'conflict',
        subject: `request ${id}`,
        message: 'This is a fault of the control plane.',
        remedy: `Look for ${id} in its log and report it.`,
      },
    };
  }
}
