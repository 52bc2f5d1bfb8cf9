/**
 * Faults on demand: rules that POST /lab/faults puts in and that requests, tasks and storages ask. A rule counts down and is
 * gone when used up; `times: 0` stays until it is taken out. States (a node down, quorum lost, a full storage, an absent
 * agent) are rules too, without a count.
 */
export const REQUEST_EFFECTS = ['fail', 'hang', 'slow', 'status', 'drop', 'drop-after'] as const;
export const TASK_EFFECTS = ['task-fail', 'task-hang', 'task-slow', 'task-warn'] as const;
export const STATE_EFFECTS = ['node-down', 'quorum-lost', 'storage-full', 'agent-absent'] as const;
/** Done at once, not kept. */
export const ACTION_EFFECTS = ['lock', 'unlock', 'certificate', 'stop-guest'] as const;

export type FaultEffect =
  | (typeof REQUEST_EFFECTS)[number]
  | (typeof TASK_EFFECTS)[number]
  | (typeof STATE_EFFECTS)[number]
  | (typeof ACTION_EFFECTS)[number];

export interface Fault {
  readonly id: number;
  readonly effect: FaultEffect;
  /** Uses left; 0 = until removed. */
  times: number;
  readonly method?: string;
  /** Path below /api2/json with `*` for any run of characters: (`*` in place of the node). */
  readonly path?: string;
  /** Task type: `vzcreate`, `qmclone`, … or `*`. */
  readonly task?: string;
  readonly vmid?: number;
  readonly node?: string;
  readonly storage?: string;
  readonly message?: string;
  /** HTTP status of `status`: 500, 595, 596 … */
  readonly status?: number;
  readonly seconds?: number;
  readonly lock?: string;
}

const like = (pattern: string, text: string) =>
  new RegExp(
    `^${pattern
      .split('*')
      .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
      .join('.*')}$`,
  ).test(text);
const has = <T extends string>(list: readonly T[], value: string): value is T =>
  (list as readonly string[]).includes(value);

export class FaultBook {
  private readonly rules: Fault[] = [];
  private nextId = 1;

  add(fault: Omit<Fault, 'id'>): Fault {
    const rule = { ...fault, id: this.nextId };
    this.nextId += 1;
    this.rules.push(rule);
    return rule;
  }

  list(): readonly Fault[] {
    return this.rules;
  }

  /** Takes one rule out, or all; answers how many there were. */
  remove(id?: number): number {
    const before = this.rules.length;
    for (let index = before - 1; index >= 0; index -= 1)
      if (id === undefined || this.rules[index]?.id === id) this.rules.splice(index, 1);
    return before - this.rules.length;
  }

  private use(rule: Fault | undefined): Fault | undefined {
    if (!rule || rule.times === 0) return rule;
    rule.times -= 1;
    if (rule.times === 0) this.remove(rule.id);
    return rule;
  }

  forRequest(method: string, path: string): Fault | undefined {
    if (this.rules.length === 0) return undefined;
    const vmid = Number(/^\/nodes\/[^/]+\/(?:qemu|lxc)\/(\d+)/.exec(path)?.[1] ?? Number.NaN);
    const node = /^\/nodes\/([^/]+)/.exec(path)?.[1];
    return this.use(
      this.rules.find(
        (rule) =>
          has(REQUEST_EFFECTS, rule.effect) &&
          (rule.method === undefined || rule.method === method) &&
          (rule.path === undefined || like(rule.path, path)) &&
          (rule.vmid === undefined || rule.vmid === vmid) &&
          (rule.node === undefined || rule.node === node),
      ),
    );
  }

  forTask(type: string, node: string, id: string): Fault | undefined {
    if (this.rules.length === 0) return undefined;
    return this.use(
      this.rules.find(
        (rule) =>
          has(TASK_EFFECTS, rule.effect) &&
          (rule.task === undefined || like(rule.task, type)) &&
          (rule.node === undefined || rule.node === node) &&
          (rule.vmid === undefined || String(rule.vmid) === id),
      ),
    );
  }

  isNodeDown(node: string): boolean {
    return this.rules.some((rule) => rule.effect === 'node-down' && rule.node === node);
  }

  isQuorumLost(): boolean {
    return this.rules.some((rule) => rule.effect === 'quorum-lost');
  }

  isStorageFull(storage: string): boolean {
    return this.rules.some((rule) => rule.effect === 'storage-full' && (rule.storage ?? storage) === storage);
  }

  isAgentAbsent(vmid: number): boolean {
    return this.rules.some((rule) => rule.effect === 'agent-absent' && (rule.vmid ?? vmid) === vmid);
  }
}
