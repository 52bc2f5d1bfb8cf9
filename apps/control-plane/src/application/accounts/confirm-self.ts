import type { JsonObject } from '../../domain/ids.js';
import { Refusal } from '../../domain/problem.js';
import type { Clock } from '../clock.port.js';
import type { AccountStore } from './account-store.port.js';
import type { Attempts } from './attempts.js';
import type { PasskeyPlace } from './passkey.port.js';
import type { Passkeys } from './passkeys.js';
import type { People } from './people.js';
import type { OpenSession, Sessions } from './sessions.js';

const FRESH_MS = 10 * 60_000;

/** Before protection is added or taken away: is whoever sits there still the one who logged in? */
export class ConfirmSelf {
  constructor(
    private readonly accounts: AccountStore,
    private readonly people: People,
    private readonly passkeys: Passkeys,
    private readonly attempts: Attempts,
    private readonly sessions: Sessions,
    private readonly clock: Pick<Clock, 'now'>,
  ) {}

  /** Fails with `auth.confirm` unless the person logged in or confirmed within ten minutes; `details.methods` says by what they can. */
  async demand({ session, account }: OpenSession): Promise<void> {
    if (session.confirmedAt + FRESH_MS > this.clock.now()) return;
    const password = await this.accounts.hasPassword(account.id);
    const passkey = (await this.passkeys.list(account.id)).length > 0;
    const methods = [...(password ? ['password'] : []), ...(passkey ? ['passkey'] : [])];
    throw new Refusal({
      code: 'auth.confirm',
      subject: account.name,
      message: 'This changes how the account is protected, and you logged in some time ago.',
      remedy:
        password && passkey
          ? 'Confirm with your password or passkey first.'
          : password
            ? 'Confirm with your password first.'
            : passkey
              ? 'Confirm with your passkey first.'
              : 'Log out, log in again, and do it within ten minutes.',
      details: { methods },
    });
  }

  async byPassword({ session, account }: OpenSession, password: string, address: string): Promise<void> {
    const attempt = await this.attempts.begin(address, account.name);
    await this.people.provePassword(account, password, 'password');
    await attempt.succeeded();
    await this.sessions.confirmed(session.id);
  }

  ask({ session, account }: OpenSession, place: PasskeyPlace): Promise<JsonObject> {
    return this.passkeys.ask('passkey-confirm', session.id, place, account);
  }

  async byPasskey(
    { session, account }: OpenSession,
    response: JsonObject,
    place: PasskeyPlace,
    address: string,
  ): Promise<void> {
    const attempt = await this.attempts.begin(address, account.name);
    if (!(await this.passkeys.verify('passkey-confirm', session.id, place, response, account))) {
      throw new Refusal({
        code: 'auth.wrong',
        subject: account.name,
        message: 'The passkey was not accepted.',
        remedy: 'Try again, or use your password.',
      });
    }
    await attempt.succeeded();
    await this.sessions.confirmed(session.id);
  }
}
