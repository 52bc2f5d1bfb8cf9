/** What tests of guests ask again and again. */
import type { TestLab } from './test-lab.js';

export const QEMU = '/nodes/lab1/qemu';
export const LXC = '/nodes/lab1/lxc';
export type Values = Record<string, string | number>;

/** `open` answers the lab of the test file, once it is there. */
export function guestTools(open: () => TestLab) {
  const logOf = async (upid: string): Promise<string[]> => {
    const { root } = open();
    await root.exitOf(upid);
    const path = `/nodes/${upid.split(':')[1]}/tasks/${encodeURIComponent(upid)}/log`;
    return ((await root.data('GET', path, { limit: 0 })) as { t: string }[]).map((line) => line.t);
  };
  /** Status and reason, and the errors of single parameters where there are some. */
  const refusal = async (method: string, path: string, parameters: Values = {}): Promise<unknown[]> => {
    const { status, reason, body } = await open().root.call(method, path, parameters);
    return [status, reason, ...(body.errors ? [body.errors] : [])];
  };
  return {
    refusal,
    /** The errors of single parameters, else status and reason. */
    reason: async (method: string, path: string, parameters: Values = {}): Promise<unknown> => {
      const [status, reason, errors] = await refusal(method, path, parameters);
      return errors ?? [status, reason];
    },
    config: (path: string, more: Values = {}): Promise<Values> => open().root.data('GET', `${path}/config`, more),
    /** Destroys guests that must be there. */
    drop: async (...paths: string[]): Promise<void> => {
      for (const path of paths) expect(await open().root.run('DELETE', path)).toBe('OK');
    },
    logOf,
    /** Starts a task and answers its log. */
    logFor: async (method: string, path: string, parameters: Values = {}): Promise<string[]> =>
      await logOf(await open().root.data(method, path, parameters)),
  };
}
