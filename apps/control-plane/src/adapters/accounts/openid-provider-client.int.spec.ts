import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OpenidProviderClient } from './openid-provider-client.js';

/** A provider as a site has it: a name that this machine does not know, a certificate of the site's own authority. */
describe('a provider with an authority of its own', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bastide-provider-'));
  const file = (name: string): string => join(folder, name);
  let server: Server;
  let issuer = '';

  beforeAll(async () => {
    const openssl = (...words: string[]) => execFileSync('openssl', words, { cwd: folder, stdio: 'pipe' });
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=Town', '-days', '2');
    openssl('req', ...key, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=auth.town.test');
    writeFileSync(file('names'), 'subjectAltName=DNS:auth.town.test');
    const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'names'];
    openssl('x509', '-req', '-in', 'server.csr', '-out', 'server.pem', ...signed);
    server = createServer(
      { key: readFileSync(file('server.key')), cert: readFileSync(file('server.pem')) },
      (request, response) => {
        response.setHeader('content-type', 'application/json');
        if (request.url === '/.well-known/openid-configuration') {
          const metadata = {
            issuer,
            authorization_endpoint: `${issuer}/authorize`,
            token_endpoint: `${issuer}/token`,
            jwks_uri: `${issuer}/jwks`,
            response_types_supported: ['code'],
            code_challenge_methods_supported: ['S256'],
            scopes_supported: ['openid'],
          };
          response.end(JSON.stringify(metadata));
        } else {
          // As providers do that compare what they get without decoding it.
          const known = request.headers.authorization === `Basic ${btoa('town-dashboard:s-1.2_3')}`;
          response
            .writeHead(known ? 400 : 401)
            .end(JSON.stringify({ error: known ? 'invalid_grant' : 'invalid_client' }));
        }
      },
    );
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    issuer = `https://auth.town.test:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
    rmSync(folder, { recursive: true });
  });

  const found = async (more: { caCertificate?: string; connectTo?: string }): Promise<string> => {
    const access = {
      issuer,
      clientId: 'town-dashboard',
      clientSecret: 's-1.2_3',
      scopes: ['openid'],
      groupsClaim: 'groups',
      ...more,
    };
    const findings = await new OpenidProviderClient().test(access, 'https://bastide.town.test/return');
    return findings.map(({ level, message }) => `${level}: ${message}`).join('\n');
  };

  it('is reached at the address that is told, and believed by its authority alone', async () => {
    const caCertificate = readFileSync(file('ca.pem'), 'utf8');
    const told = await found({ caCertificate, connectTo: '127.0.0.1' });
    expect(told).toContain('ok: The provider knows the client.');
    expect(told).not.toMatch(/^error/m);
    expect(await found({ connectTo: '127.0.0.1' })).toMatch(/^error: The provider’s certificate is not trusted/);
  });

  it('is said to have a name that is not known here, when no address is told', async () => {
    expect(await found({})).toMatch(/^error: The provider’s name is not known here/);
  });
});
