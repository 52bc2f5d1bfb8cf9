import { ValidationPipe } from '@nestjs/common';
import type { ValidationError } from 'class-validator';
import { Refusal } from '../domain/problem.js';

/** Shape of bodies and queries; an unknown field is an error that names it. */
export const requestValidation = (): ValidationPipe =>
  new ValidationPipe({
    whitelist: true,
    forbidNonWhitelisted: true,
    transform: true,
    exceptionFactory: (errors) => {
      const faults = errors.flatMap((error) => describe(error, ''));
      return new Refusal({
        code: 'request.invalid',
        subject: faults.map((fault) => fault.field).join(', '),
        message: `${faults.map((fault) => fault.message).join('; ')}.`,
        remedy: 'Correct these fields and send the request again.',
        details: { fields: faults },
      });
    },
  });

function describe(error: ValidationError, path: string): { field: string; message: string }[] {
  const field = path ? `${path}.${error.property}` : error.property;
  const own = Object.values(error.constraints ?? {}).map((message) => ({ field, message }));
  return [...own, ...(error.children ?? []).flatMap((child) => describe(child, field))];
}
