/** Calls in the name of somebody who has logged in with a password. */
import type { Answer } from './lab-client.js';
import type { TestLab } from './test-lab.js';

export type SignedIn = (
  method: string,
  path: string,
  parameters?: Readonly<Record<string, string | number>>,
) => Promise<Answer>;

export async function signIn(test: TestLab, username: string, password: string): Promise<SignedIn> {
  const client = test.client();
  const login = await client.data('POST', '/access/ticket', { username, password });
  const headers = {
    Cookie: `PVEAuthCookie=${encodeURIComponent(login.ticket)}`,
    CSRFPreventionToken: login.CSRFPreventionToken,
  };
  return (method, path, parameters = {}) => {
    const form = new URLSearchParams(
      Object.entries(parameters).map(([key, value]): [string, string] => [key, String(value)]),
    ).toString();
    const inQuery = method === 'GET' || method === 'DELETE';
    return client.send(
      method,
      `/api2/json${path}${inQuery && form !== '' ? `?${form}` : ''}`,
      inQuery ? undefined : form,
      headers,
    );
  };
}
