import {
  IconHome,
  IconLayoutGrid,
  IconListCheck,
  IconServer2,
  IconSettings,
  IconShieldCheck,
  IconStack2,
} from '@tabler/icons-react';
import type { Role } from '../api/types.js';
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
  { key: 'stacks', to: paths.stacks(), icon: IconStack2, needs: 'viewer' },
  { key: 'catalogue', to: paths.catalogue(), icon: IconLayoutGrid, needs: 'viewer' },
  { key: 'runs', to: paths.runs(), icon: IconListCheck, needs: 'viewer' },
  { key: 'sites', to: paths.sites(), icon: IconServer2, needs: 'viewer' },
  { key: 'audit', to: paths.audit(), icon: IconShieldCheck, needs: 'admin' },
  { key: 'settings', to: paths.settings(), icon: IconSettings, needs: 'viewer' },
];
