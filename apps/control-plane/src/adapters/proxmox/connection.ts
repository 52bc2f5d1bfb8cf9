import type { Clock } from '../../application/clock.port.js';
import type { SubstrateSettings } from '../../domain/site/site.js';
import type { ProxmoxClient } from './proxmox-client.js';
import type { Tasks } from './tasks.js';
import type { Turns } from './turns.js';

/** What every part of this adapter works with. */
export interface Connection {
  /** Name of the substrate in its site. */
  readonly name: string;
  readonly settings: SubstrateSettings;
  /** Bridges of the site's zones. */
  readonly bridges: readonly string[];
  readonly client: ProxmoxClient;
  readonly tasks: Tasks;
  readonly turns: Turns;
  readonly clock: Clock;
}
