/** What the rest of the lab knows of the HA manager. */
export type NodeState = 'online' | 'unknown' | 'fence';

export interface HaControl {
  /** Nothing is fenced, started or moved as long as there are no resources. */
  readonly isActive: boolean;
  /** The node that decides. */
  readonly master: string;
  /** Unix seconds of the manager's last look; 0 before the first. */
  readonly timestamp: number;
  nodeState(node: string): NodeState;
  /** Looks again soon: something was asked for. */
  kick(): void;
  /** Sends a resource elsewhere, as `ha-manager migrate` and `relocate` do. */
  request(sid: string, state: 'migrate' | 'relocate', target: string): void;
}
