/** UPIDs: `UPID:node:PID:PSTART:STARTTIME:type:id:user@realm!token:`, numbers in upper-case hexadecimal of eight digits. */
export interface Upid {
  readonly node: string;
  readonly pid: number;
  /** Process start in ticks since the boot of the node. */
  readonly pstart: number;
  /** Unix seconds. */
  readonly starttime: number;
  readonly type: string;
  readonly id: string;
  /** `user@realm`, for a token `user@realm!token`. */
  readonly user: string;
}

const hex = (value: number) => value.toString(16).toUpperCase().padStart(8, '0');
const FORM =
  /^UPID:([a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?):([0-9A-Fa-f]{8}):([0-9A-Fa-f]{8,9}):([0-9A-Fa-f]{8}):([^:\s/]+):([^:\s]*):([^:\s]+):$/;

export function formatUpid(upid: Upid): string {
  return `UPID:${upid.node}:${hex(upid.pid)}:${hex(upid.pstart)}:${hex(upid.starttime)}:${upid.type}:${upid.id}:${upid.user}:`;
}

export function parseUpid(text: string): Upid | undefined {
  const [, node, pid, pstart, starttime, type, id, user] = FORM.exec(text) ?? [];
  if (!node || !pid || !pstart || !starttime || !type || id === undefined || !user) return undefined;
  const number = (part: string) => Number.parseInt(part, 16);
  return { node, pid: number(pid), pstart: number(pstart), starttime: number(starttime), type, id, user };
}
