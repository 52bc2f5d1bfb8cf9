import type { WantedStack } from '../../domain/stack/stack.js';
import type { RunDto, StackDto } from './responses.js';

export const toStackDto = (stack: WantedStack, latestRun: RunDto | undefined): StackDto => ({
  id: stack.id,
  name: stack.name,
  site: stack.site,
  blueprint: stack.blueprint.name,
  blueprintVersion: stack.blueprint.version,
  state: stack.state,
  ...(latestRun ? { latestRun } : {}),
});
