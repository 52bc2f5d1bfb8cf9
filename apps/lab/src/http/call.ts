/** One request as a handler sees it: checked parameters, who asks, and how to answer. */
import { checkPrivileges } from '../access/check-permissions.js';
import type { Lab } from '../lab.js';
import type { Parameters } from '../schema/validate.js';
import type { TaskWorker } from '../tasks/tasks.js';
import type { Upload } from './body.js';

export interface Caller {
  /** `user@realm` or `user@realm!token`: what permissions are asked for. */
  readonly id: string;
  /** Without the token. */
  readonly userid: string;
  readonly isToken: boolean;
  /** Only root@pam by ticket may set some options; a root token is not root. */
  readonly isRoot: boolean;
}

export class Call {
  /** Extra fields beside `data`: `total` of task lists and logs. */
  readonly extra: Record<string, unknown> = {};

  constructor(
    readonly lab: Lab,
    readonly caller: Caller,
    readonly parameters: Parameters,
    readonly path: string,
    readonly upload: Upload | undefined,
  ) {}

  text(name: string): string | undefined {
    const value = this.parameters[name];
    return value === undefined ? undefined : String(value);
  }

  /** A parameter the schema requires. */
  need(name: string): string {
    return this.text(name) ?? '';
  }

  number(name: string): number | undefined {
    const value = this.parameters[name];
    return typeof value === 'number' ? value : undefined;
  }

  flag(name: string): boolean {
    return this.parameters[name] === 1;
  }

  list(name: string): string[] {
    const value = this.parameters[name];
    return Array.isArray(value) ? value.map(String) : value === undefined ? [] : [String(value)];
  }

  get node(): string {
    return this.need('node');
  }

  get vmid(): number {
    return this.number('vmid') ?? 0;
  }

  can(path: string, privileges: readonly string[], any = false): boolean {
    return this.caller.isRoot || this.lab.directory.has(this.caller.id, path, privileges, any);
  }

  /** Throws the 403 that names the path and the first privilege missing, or with `any` all of them. */
  demand(path: string, privileges: readonly string[], any = false): void {
    checkPrivileges(this.lab.directory, this.caller.id, path, privileges, any);
  }

  /** Starts a task on this call's node and answers its UPID. */
  task(type: string, id: string | number, worker: TaskWorker, node = this.node): string {
    return this.lab.tasks.start({ node, type, id: String(id), user: this.caller.id }, worker);
  }
}

export type Handler = (call: Call) => unknown;
/** By method and path template: `'GET /nodes/{node}/status'`. */
export type Handlers = Readonly<Record<string, Handler>>;
