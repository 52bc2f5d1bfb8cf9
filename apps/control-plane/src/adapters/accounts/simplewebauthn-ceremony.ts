import {
  type AuthenticationResponseJSON,
  generateAuthenticationOptions,
  generateRegistrationOptions,
  type RegistrationResponseJSON,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server';
import type { Passkey, PasskeyCeremony, PasskeyPlace } from '../../application/accounts/passkey.port.js';
import type { JsonObject } from '../../domain/ids.js';

const TIMEOUT_MS = 5 * 60_000;
const utf8 = (text: string) => new Uint8Array(Buffer.from(text, 'utf8'));
const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
/** Which of its ways a device offers to be reached by; what else a browser says is left out. */
const TRANSPORT = /^[a-z-]{2,20}$/;

/** WebAuthn by SimpleWebAuthn. Attestation is not asked for: people bring whatever device they have. */
export class SimplewebauthnCeremony implements PasskeyCeremony {
  async registration(wanted: Parameters<PasskeyCeremony['registration']>[0]): Promise<JsonObject> {
    const { place, account, challenge, known } = wanted;
    const options = await generateRegistrationOptions({
      rpName: 'Bastide',
      rpID: place.rpId,
      userID: utf8(account.id),
      userName: account.name,
      userDisplayName: account.displayName,
      challenge,
      timeout: TIMEOUT_MS,
      attestationType: 'none',
      excludeCredentials: known.map(({ credential, transports }) => ({ id: credential, transports: [...transports] })),
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    });
    return options as unknown as JsonObject;
  }

  async verifyRegistration(
    response: JsonObject,
    challenge: string,
    place: PasskeyPlace,
  ): Promise<Pick<Passkey, 'credential' | 'publicKey' | 'counter' | 'transports'> | undefined> {
    try {
      const { verified, registrationInfo } = await verifyRegistrationResponse({
        response: response as unknown as RegistrationResponseJSON,
        expectedChallenge: encoded(challenge),
        expectedOrigin: place.origin,
        expectedRPID: place.rpId,
        requireUserVerification: true,
      });
      if (!verified) return undefined;
      const { id, publicKey, counter, transports = [] } = registrationInfo.credential;
      return {
        credential: id,
        publicKey: base64url(publicKey),
        counter,
        transports: transports.filter((one) => TRANSPORT.test(one)).slice(0, 10),
      };
    } catch {
      // The library throws at whatever is wrong with an answer; which check it was is of no use to an honest browser.
      return undefined;
    }
  }

  async authentication(wanted: Parameters<PasskeyCeremony['authentication']>[0]): Promise<JsonObject> {
    const options = await generateAuthenticationOptions({
      rpID: wanted.place.rpId,
      challenge: wanted.challenge,
      timeout: TIMEOUT_MS,
      userVerification: wanted.alone ? 'required' : 'preferred',
      ...(wanted.known
        ? {
            allowCredentials: wanted.known.map(({ credential, transports }) => ({
              id: credential,
              transports: [...transports],
            })),
          }
        : {}),
    });
    return options as unknown as JsonObject;
  }

  async verifyAuthentication(
    response: JsonObject,
    challenge: string,
    place: PasskeyPlace,
    passkey: Passkey,
    alone: boolean,
  ): Promise<number | undefined> {
    try {
      const { verified, authenticationInfo } = await verifyAuthenticationResponse({
        response: response as unknown as AuthenticationResponseJSON,
        expectedChallenge: encoded(challenge),
        expectedOrigin: place.origin,
        expectedRPID: place.rpId,
        requireUserVerification: alone,
        credential: {
          id: passkey.credential,
          publicKey: new Uint8Array(Buffer.from(passkey.publicKey, 'base64url')),
          counter: passkey.counter,
          transports: [...passkey.transports],
        },
      });
      return verified ? authenticationInfo.newCounter : undefined;
    } catch {
      return undefined;
    }
  }

  read(response: JsonObject): { challenge: string; credential: string; account?: string } | undefined {
    const { id, response: inner } = response;
    const { clientDataJSON, userHandle } = (inner ?? {}) as Record<string, unknown>;
    if (typeof id !== 'string' || typeof clientDataJSON !== 'string') return undefined;
    try {
      const client = JSON.parse(decoded(clientDataJSON)) as { challenge?: unknown };
      if (typeof client.challenge !== 'string') return undefined;
      return {
        challenge: decoded(client.challenge),
        credential: id,
        ...(typeof userHandle === 'string' && userHandle !== '' ? { account: decoded(userHandle) } : {}),
      };
    } catch {
      return undefined;
    }
  }
}

const decoded = (text: string): string => Buffer.from(text, 'base64url').toString('utf8');
const encoded = (text: string): string => base64url(utf8(text));
