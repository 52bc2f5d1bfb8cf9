import type { Account } from '../../domain/account/account.js';
import type { JsonObject } from '../../domain/ids.js';
import { Refusal } from '../../domain/problem.js';
import type { Clock, NewId } from '../clock.port.js';
import type { ChallengePurpose, Challenges } from './challenges.js';
import type { Passkey, PasskeyCeremony, PasskeyPlace, PasskeyStore } from './passkey.port.js';
import type { SecondFactors } from './second-factors.js';

/** A device keeps many; a person does not need more. */
const MOST = 20;

type Question = Extract<ChallengePurpose, 'passkey-confirm' | 'passkey-second-factor' | 'passkey-sign-in'>;

/** Passkeys: made, named, taken away; and the questions they answer. */
export class Passkeys {
  constructor(
    private readonly store: PasskeyStore,
    private readonly ceremony: PasskeyCeremony,
    private readonly challenges: Challenges,
    private readonly factors: SecondFactors,
    private readonly clock: Pick<Clock, 'now'>,
    private readonly newId: NewId,
  ) {}

  list(accountId: string): Promise<readonly Passkey[]> {
    return this.store.list(accountId);
  }

  /** What the browser needs to make one. */
  async begin(account: Account, holder: string, place: PasskeyPlace): Promise<JsonObject> {
    // A passkey of ours would go past the provider, which decides at each sign-in what its people may do.
    if (account.origin !== undefined) throw fromProvider();
    const known = await this.store.list(account.id);
    if (known.length >= MOST) {
      throw new Refusal({
        code: 'conflict',
        subject: 'passkeys',
        message: `You have ${MOST} passkeys.`,
        remedy: 'Remove one that you no longer use.',
      });
    }
    const challenge = await this.challenges.make('passkey-new', holder, { account: account.id });
    return await this.ceremony.registration({ place, account, challenge, known });
  }

  /** Keeps the one that the browser made. With the first factor of an account come recovery codes, shown this once. */
  async add(
    account: Account,
    holder: string,
    place: PasskeyPlace,
    made: { readonly name: string; readonly response: JsonObject },
  ): Promise<{ readonly passkey: Passkey; readonly recoveryCodes: readonly string[] }> {
    if (account.origin !== undefined) throw fromProvider();
    const challenge = this.ceremony.read(made.response)?.challenge ?? '';
    await this.challenges.take(challenge, ['passkey-new'], holder);
    const verified = await this.ceremony.verifyRegistration(made.response, challenge, place);
    if (!verified) throw notAccepted();
    const passkey: Passkey = {
      ...verified,
      id: this.newId.next('psk'),
      accountId: account.id,
      name: made.name.trim(),
      rpId: place.rpId,
      createdAt: this.clock.now(),
    };
    if ((await this.store.insert(passkey)) === 'taken') {
      throw new Refusal({
        code: 'conflict',
        subject: 'passkey',
        message: 'This passkey is registered already.',
        remedy: 'Use another device or key.',
      });
    }
    return { passkey, recoveryCodes: await this.factors.added(account.id) };
  }

  async rename(accountId: string, id: string, name: string): Promise<void> {
    if (!(await this.store.rename(accountId, id, name.trim()))) throw unknown(id);
  }

  async remove(accountId: string, id: string): Promise<void> {
    const outcome = await this.store.remove(accountId, id);
    if (outcome === 'unknown') throw unknown(id);
    if (outcome === 'last_way_in') throw lastWayIn();
    await this.factors.removed(accountId);
  }

  /** A question that one of the account's passkeys answers; without an account whichever the person chooses. */
  async ask(
    purpose: Question,
    holder: string,
    place: PasskeyPlace,
    account?: Pick<Account, 'id'>,
  ): Promise<JsonObject> {
    const about = account ? { account: account.id } : {};
    const challenge = await this.challenges.make(purpose, holder, about);
    const alone = isAlone(purpose);
    if (!account) return await this.ceremony.authentication({ place, challenge, alone });
    const known = (await this.store.list(account.id)).filter(({ rpId }) => rpId === place.rpId);
    return await this.ceremony.authentication({ place, challenge, alone, known });
  }

  /** Whose passkey an answer claims to be of, not yet believed. */
  async claimed(response: JsonObject): Promise<Account | undefined> {
    const read = this.ceremony.read(response);
    return read && (await this.store.find(read.credential))?.account;
  }

  /** The account whose passkey answered; undefined when anything about the answer is wrong. An answer counts once. */
  async verify(
    purpose: Question,
    holder: string,
    place: PasskeyPlace,
    response: JsonObject,
    account?: Pick<Account, 'id'>,
  ): Promise<Account | undefined> {
    const read = this.ceremony.read(response);
    if (!read) return undefined;
    const challenge = await this.challenges.take(read.challenge, [purpose], holder);
    const found = await this.store.find(read.credential);
    if (!found || found.passkey.rpId !== place.rpId) return undefined;
    const expected = account?.id ?? read.account;
    // Who signs in without a name is who the device says; both must be the owner of this very passkey.
    if (found.account.id !== expected || (challenge.account ?? expected) !== expected) return undefined;
    const counter = await this.ceremony.verifyAuthentication(
      response,
      read.challenge,
      place,
      found.passkey,
      isAlone(purpose),
    );
    if (counter === undefined || !(await this.store.used(found.passkey, counter, this.clock.now()))) return undefined;
    return found.account;
  }
}

/** Nothing else proves who it is, so the device must have checked. */
const isAlone = (purpose: Question): boolean => purpose !== 'passkey-second-factor';

const fromProvider = (): Refusal =>
  new Refusal({
    code: 'conflict',
    subject: 'passkeys',
    message: 'Your account comes from an identity provider, which decides at each sign-in what you may do.',
    remedy: 'Set a passkey up at the provider.',
  });

const unknown = (id: string): Refusal =>
  new Refusal({
    code: 'not_found',
    subject: `passkey ${id}`,
    message: 'There is no such passkey.',
    remedy: 'Look at the list.',
  });

const notAccepted = (): Refusal =>
  new Refusal({
    code: 'auth.wrong',
    subject: 'passkey',
    message: 'What the browser sent is no passkey made for this address.',
    remedy: 'Begin again; open the dashboard at its usual address.',
  });

export const lastWayIn = (): Refusal =>
  new Refusal({
    code: 'conflict',
    subject: 'account',
    message: 'This is the only way into the account.',
    remedy: 'Add another one first.',
  });
