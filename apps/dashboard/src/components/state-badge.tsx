import { Badge } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import type { components } from '../../../../docs/reference/openapi.js';

type Schemas = components['schemas'];
/** Every state that a screen shows, of runs, steps, stacks and their health. A new one does not build without a colour. */
export type ShownState =
  | Schemas['RunDto']['state']
  | Schemas['RunStepDto']['state']
  | Schemas['StackDto']['state']
  | 'healthy'
  | 'failing'
  | 'unknown'
  | 'changing'
  | 'archived';

/** A colour of the theme per state; the word stands beside it, colour alone says nothing. */
export const STATE_COLOURS: Record<ShownState, string> = {
  waiting: 'gray',
  ready: 'gray',
  running: 'blue',
  retrying: 'orange',
  succeeded: 'green',
  failed: 'red',
  blocked: 'orange',
  cancelled: 'gray',
  quarantined: 'red',
  undone: 'gray',
  cancelling: 'orange',
  undoing: 'orange',
  left: 'orange',
  present: 'green',
  removed: 'gray',
  healthy: 'green',
  failing: 'red',
  unknown: 'gray',
  changing: 'blue',
  archived: 'gray',
};

/** A state as a word on its colour. */
export function StateBadge({ state, size = 'md' }: { state: ShownState; size?: 'xs' | 'sm' | 'md' | 'lg' }) {
  const { t } = useTranslation('shell');
  return (
    <Badge color={STATE_COLOURS[state]} variant="light" size={size} tt="none" fw={600} radius="sm">
      {t(`state.${state}`)}
    </Badge>
  );
}
