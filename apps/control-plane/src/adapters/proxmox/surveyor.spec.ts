import { ProxmoxSurveyor } from './surveyor.js';

describe('the address of a cluster', () => {
  const surveyor = new ProxmoxSurveyor({ now: () => 0 } as never);

  it.each([
    'https://169.254.169.254',
    'https://[::ffff:169.254.169.254]:8006',
    'https://[::ffff:0.0.0.0]:8006',
    'https://[fe80::1]:8006',
    'https://0.0.0.0:8006',
    'https://root:secret@pve.town.example:8006',
    'http://pve.town.example:8006',
  ])('is not %s, and nothing is sent there', async (endpoint) => {
    await expect(surveyor.probe(endpoint, AbortSignal.timeout(1_000))).rejects.toMatchObject({
      problem: { code: 'request.invalid' },
    });
  });
});
