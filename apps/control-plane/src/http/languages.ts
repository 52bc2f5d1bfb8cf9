import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Request } from 'express';

/** What who asks reads, best first (`Accept-Language`): in which languages texts of modules and blueprints are wanted. */
export const Languages = createParamDecorator((_: unknown, context: ExecutionContext): readonly string[] =>
  context.switchToHttp().getRequest<Request>().acceptsLanguages(),
);
