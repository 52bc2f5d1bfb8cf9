import type { Account } from '../../domain/account/account.js';
import type { Instant, JsonObject } from '../../domain/ids.js';

/** A credential that lives in a person's device or key (WebAuthn). What is kept is public; its counter grows with each use. */
export interface Passkey {
  readonly id: string;
  readonly accountId: string;
  /** The credential's own id, base64url. */
  readonly credential: string;
  /** COSE key, base64url. */
  readonly publicKey: string;
  readonly counter: number;
  readonly transports: readonly string[];
  /** What its owner calls it. */
  readonly name: string;
  /** The domain it was made for; browsers offer it nowhere else. */
  readonly rpId: string;
  readonly createdAt: Instant;
  readonly lastUsedAt?: Instant;
}

export interface PasskeyStore {
  /** `taken`: the credential is registered already. */
  insert(passkey: Passkey): Promise<'done' | 'taken'>;
  /** Oldest first. */
  list(accountId: string): Promise<readonly Passkey[]>;
  find(credential: string): Promise<{ readonly passkey: Passkey; readonly account: Account } | undefined>;
  /** Sets the counter unless somebody else did since `passkey` was read: of one answer sent twice at once, one counts. */
  used(passkey: Passkey, counter: number, at: Instant): Promise<boolean>;
  rename(accountId: string, id: string, name: string): Promise<boolean>;
  /** `last_way_in`: nothing else would let the account in; nothing is removed. */
  remove(accountId: string, id: string): Promise<'done' | 'unknown' | 'last_way_in'>;
  removeAll(accountId: string): Promise<void>;
}

/** Where a ceremony takes place: the page's address and the domain that its passkeys belong to. */
export interface PasskeyPlace {
  readonly origin: string;
  readonly rpId: string;
}

/** The checks of WebAuthn Level 3 §7. Answers come from browsers: anything may be in them. */
export interface PasskeyCeremony {
  registration(wanted: {
    readonly place: PasskeyPlace;
    readonly account: Pick<Account, 'id' | 'name' | 'displayName'>;
    readonly challenge: string;
    readonly known: readonly Passkey[];
  }): Promise<JsonObject>;
  /** Undefined when any check fails. */
  verifyRegistration(
    response: JsonObject,
    challenge: string,
    place: PasskeyPlace,
  ): Promise<Pick<Passkey, 'credential' | 'publicKey' | 'counter' | 'transports'> | undefined>;
  /** `known` absent: the person chooses among those that the device has (discoverable). `alone`: the device must verify its user. */
  authentication(wanted: {
    readonly place: PasskeyPlace;
    readonly challenge: string;
    readonly alone: boolean;
    readonly known?: readonly Passkey[];
  }): Promise<JsonObject>;
  /** The new counter; undefined when any check fails, a counter that did not grow included. `alone`: the device must have verified its user. */
  verifyAuthentication(
    response: JsonObject,
    challenge: string,
    place: PasskeyPlace,
    passkey: Passkey,
    alone: boolean,
  ): Promise<number | undefined>;
  /** What the answer says it answers, not yet believed. */
  read(
    response: JsonObject,
  ): { readonly challenge: string; readonly credential: string; readonly account?: string } | undefined;
}
