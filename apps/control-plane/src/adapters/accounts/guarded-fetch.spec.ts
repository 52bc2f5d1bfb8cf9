import { mayAsk } from '../addresses/reachable-addresses.js';
import { guardedFetch } from './guarded-fetch.js';

describe('what an identity provider can make us ask', () => {
  it.each(['169.254.169.254', '0.0.0.0', '224.0.0.1', '255.255.255.255', 'fe80::1', '::', '::ffff:169.254.169.254'])(
    'never %s',
    (address) => expect(mayAsk(address, true)).toBe(false),
  );
  it.each(['10.1.2.3', '192.0.2.7', '2001:db8::1'])('%s, as town halls have it', (address) =>
    expect(mayAsk(address, false)).toBe(true),
  );
  it.each(['127.0.0.1', '::1', '::ffff:127.0.0.1', '::ffff:7f00:1'])(
    '%s only where the provider is said to be here',
    (address) => {
      expect(mayAsk(address, false)).toBe(false);
      expect(mayAsk(address, true)).toBe(true);
    },
  );

  it.each([
    ['http://10.1.2.3/', false],
    ['http://auth.example/', true],
    ['https://169.254.169.254/', true],
    ['https://127.0.0.1:4443/', false],
    ['https://localhost:4443/', false],
    ['https://[::ffff:127.0.0.1]:4443/', false],
    ['https://[::ffff:0.0.0.0]:4443/', true],
    ['https://[64:ff9b::a9fe:a9fe]/', true],
    ['https://[::ffff:169.254.169.254]/', true],
    ['file:///etc/passwd', true],
  ])('%s is refused before a byte is sent', async (url, loopback) => {
    const guarded = guardedFetch({ loopback, connectMs: 1_000 });
    const failure = await guarded.fetch(url, {}).catch((error: unknown) => error as Error & { cause?: Error });
    const told = failure as Error & { cause?: Error };
    expect([told.constructor.name, told.cause?.constructor.name]).toContain('ForbiddenAddress');
    await guarded.close();
  });
});
