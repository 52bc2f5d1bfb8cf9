import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { Refusal } from '../../domain/problem.js';
import { LogoutTokens } from './logout-tokens.js';

const ISSUER = 'https://auth.town.example';
const ACCESS = { issuer: ISSUER, clientId: 'bastide', scopes: [], groupsClaim: 'groups' };
const EVENTS = { 'http://schemas.openid.net/event/backchannel-logout': {} };

describe('a logout token', () => {
  const pair = async (kid: string) => {
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    return { kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: 'ES256' } };
  };
  type Pair = Awaited<ReturnType<typeof pair>>;
  let town: Pair;
  let stranger: Pair;
  let asked = 0;
  let published: Pair[] = [];
  const tokens = () =>
    new LogoutTokens(async () => {
      asked += 1;
      return { issuer: ISSUER, keys: { keys: published.map(({ jwk }) => jwk) } };
    });
  const now = Math.floor(Date.now() / 1000);
  const GOOD = { iss: ISSUER, aud: 'bastide', iat: now, jti: 'one', sub: 'eva', sid: 's1', events: EVENTS };
  const signed = ({ kid, privateKey }: Pair, claims: object = {}, typ = 'logout+jwt'): Promise<string> =>
    new SignJWT({ ...GOOD, ...claims } as JWTPayload).setProtectedHeader({ alg: 'ES256', kid, typ }).sign(privateKey);

  beforeAll(async () => {
    [town, stranger] = [await pair('town'), await pair('town')];
  });
  beforeEach(() => {
    asked = 0;
    published = [town];
  });

  it('says who, or which session, is signed out, and since when', async () => {
    const reader = tokens();
    const told = { issuer: ISSUER, subject: 'eva', session: 's1', at: now * 1000 };
    expect(await reader.read(ACCESS, await signed(town))).toEqual(told);
    const { subject: _, ...session } = told;
    expect(await reader.read(ACCESS, await signed(town, { sub: undefined }, 'JWT'))).toEqual(session);
    expect(asked).toBe(1);
  });

  it.each<[string, object]>([
    ['of another issuer', { iss: 'https://evil.example' }],
    ['for another client', { aud: 'wiki' }],
    ['from yesterday', { iat: now - 86_400 }],
    ['from tomorrow', { iat: now + 86_400 }],
    ['that has expired', { exp: now - 600 }],
    ['that is one for log-ins', { nonce: 'n' }],
    ['about something else', { events: { 'http://other.example': {} } }],
    ['whose event is no object', { events: { 'http://schemas.openid.net/event/backchannel-logout': 'x' } }],
    ['about nobody', { sub: undefined, sid: undefined }],
    ['without a time', { iat: undefined }],
  ])('%s is none', async (_, claims) => {
    await expect(tokens().read(ACCESS, await signed(town, claims))).rejects.toThrow(Refusal);
  });

  it('of another kind is none', async () => {
    await expect(tokens().read(ACCESS, await signed(town, {}, 'at+jwt'))).rejects.toThrow(Refusal);
  });

  it('signed by somebody else, or with a shared secret, is none', async () => {
    const reader = tokens();
    await expect(reader.read(ACCESS, await signed(stranger))).rejects.toThrow(Refusal);
    const secret = new TextEncoder().encode('a secret of thirty-two characters and more');
    const shared = await new SignJWT(GOOD as JWTPayload).setProtectedHeader({ alg: 'HS256', kid: 'town' }).sign(secret);
    await expect(reader.read(ACCESS, shared)).rejects.toThrow(Refusal);
    for (const text of ['', 'a.b.c', `${'x'.repeat(1_000_000)}.y.z`])
      await expect(reader.read(ACCESS, text)).rejects.toThrow(Refusal);
    // However often strangers ask, the provider is not.
    expect(asked).toBeLessThanOrEqual(2);
  });

  it('of a provider that is away is told as such, and asks again later', async () => {
    const away = new Refusal({ code: 'auth.provider_away', subject: 'x', message: 'Away.', remedy: 'Wait.' });
    const reader = new LogoutTokens(() => Promise.reject(away));
    await expect(reader.read(ACCESS, await signed(town))).rejects.toBe(away);
  });
});
