/** Everything one lab holds, handed to every handler. Made in start-lab.ts, the composition root. */
import type { Directory } from './access/directory.js';
import type { Tickets } from './access/tickets.js';
import type { HaControl } from './cluster/ha-control.js';
import type { FaultBook } from './faults/fault-book.js';
import type { ServerCertificate } from './http/certificates.js';
import type { GuestRuntime, LabNetwork } from './runtime/guest-runtime.port.js';
import type { ClusterState } from './state/cluster-state.js';
import type { Journal } from './state/journal.js';
import type { Locks } from './tasks/locks.js';
import type { Tasks } from './tasks/tasks.js';

export interface Lab {
  readonly name: string;
  readonly stateDir: string;
  readonly nodes: readonly string[];
  readonly mode: 'none' | 'lxc';
  readonly networks: readonly LabNetwork[];
  readonly idRange: { readonly lower: number; readonly upper: number };
  readonly figuresLagSeconds: number;
  readonly faultsEnabled: boolean;
  readonly journal: Journal;
  readonly state: ClusterState;
  readonly directory: Directory;
  readonly tickets: Tickets;
  readonly tasks: Tasks;
  readonly locks: Locks;
  readonly faults: FaultBook;
  readonly runtime: GuestRuntime;
  readonly ha: HaControl;
  certificate: ServerCertificate;
  /** Serves a new certificate from now on. */
  renewCertificate(): Promise<void>;
  /** Milliseconds since the epoch. */
  now(): number;
  /** When this process began, what the nodes' uptime counts from. */
  readonly bootTime: number;
}
