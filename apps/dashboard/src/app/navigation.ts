import { IconHome } from '@tabler/icons-react';
import type { Role } from '../api/pending.js';
import { paths } from './paths.js';

/** An entry of the sidebar: `key` names its text (shell.json, nav.*), `needs` the least role that sees it. */
export interface NavigationEntry {
  key: string;
  to: string;
  icon: typeof IconHome;
  needs: Role;
}

/** Only what is there: no entry leads nowhere. */
export const navigation: readonly NavigationEntry[] = [
  { key: 'home', to: paths.home(), icon: IconHome, needs: 'viewer' },
];
