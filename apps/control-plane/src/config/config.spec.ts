import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path, { join } from 'node:path';
import { ConfigError, loadConfig } from './config.js';

describe('configuration', () => {
  it('needs nothing: private servers below .bastide, loopback, eight steps at a time', () => {
    const config = loadConfig({}, 'all');
    expect(config).toMatchObject({
      role: 'all',
      stateDir: path.resolve('.bastide'),
      listen: { host: '127.0.0.1', port: 7080 },
      masterKeyFile: path.resolve('.bastide/master-key'),
      concurrency: 8,
      leaseMs: 30_000,
      sweepMs: 15_000,
    });
    expect(config.databaseUrl).toBeUndefined();
  });

  it('takes what is given', () => {
    const config = loadConfig(
      {
        DATABASE_URL: 'postgresql://u@h/d',
        REDIS_URL: '/run/redis.sock',
        BASTIDE_CONCURRENCY: '3',
        BASTIDE_LISTEN: '[::1]:8080',
      },
      'worker',
    );
    expect(config).toMatchObject({
      databaseUrl: 'postgresql://u@h/d',
      redisUrl: '/run/redis.sock',
      concurrency: 3,
      listen: { host: '::1', port: 8080 },
    });
  });

  it('names everything that is wrong at once, misspelt names too', () => {
    const load = () =>
      loadConfig(
        { DATABASE_URL: 'mysql://x', BASTIDE_CONCURRENCY: 'many', BASTIDE_LISSEN: 'x', BASTIDE_LISTEN: '0.0.0.0:80' },
        'boss',
      );
    expect(load).toThrow(ConfigError);
    for (const part of [
      'DATABASE_URL',
      'BASTIDE_CONCURRENCY',
      'BASTIDE_LISSEN is not known',
      'BASTIDE_LISTEN',
      '--role',
    ]) {
      expect(load).toThrow(part);
    }
  });

  it('refuses a role of its own without shared servers', () => {
    expect(() => loadConfig({}, 'worker')).toThrow('DATABASE_URL and REDIS_URL are needed');
  });

  describe('an address that others reach', () => {
    const folder = mkdtempSync(join(tmpdir(), 'bastide-tls-'));
    const at = (name: string): string => join(folder, name);
    const make = (name: string): void => {
      execFileSync('openssl', [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
        ...['-subj', '/CN=control.test', '-keyout', at(`${name}.key`), '-out', at(`${name}.pem`)],
      ]);
    };
    beforeAll(() => {
      make('one');
      make('two');
      writeFileSync(at('broken.pem'), 'no certificate');
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));
    const listening = (settings: Record<string, string>) =>
      loadConfig({ BASTIDE_LISTEN: '0.0.0.0:7443', ...settings }, 'all');

    it('is taken with a certificate and its key', () => {
      const config = listening({ BASTIDE_TLS_CERTIFICATE: at('one.pem'), BASTIDE_TLS_KEY: at('one.key') });
      expect(config.listen).toEqual({ host: '0.0.0.0', port: 7443 });
      expect(config.tls).toEqual({ kind: 'file', certificateFile: at('one.pem'), keyFile: at('one.key') });
    });

    it.each([
      ['without a certificate', {}, 'not a loopback address'],
      ['with half of it', { BASTIDE_TLS_CERTIFICATE: 'one.pem' }, 'belong together'],
      [
        'with another certificate’s key',
        { BASTIDE_TLS_CERTIFICATE: 'one.pem', BASTIDE_TLS_KEY: 'two.key' },
        'is not the key',
      ],
      [
        'with a file that is none',
        { BASTIDE_TLS_CERTIFICATE: 'broken.pem', BASTIDE_TLS_KEY: 'one.key' },
        'cannot be used',
      ],
    ])('is refused %s', (_case, files, finding) => {
      const settings = Object.fromEntries(Object.entries(files).map(([name, file]) => [name, at(file)]));
      expect(() => listening(settings)).toThrow(finding);
    });

    it('is taken with an authority of its own, for every name that this machine has', () => {
      const { tls } = listening({ BASTIDE_TLS: 'own', BASTIDE_TLS_NAMES: 'Bastide.town.example, 192.0.2.10' });
      expect(tls).toMatchObject({ kind: 'own' });
      const names = tls?.kind === 'own' ? tls.names : [];
      expect(names).toEqual(expect.arrayContaining(['bastide.town.example', '192.0.2.10', 'localhost', '127.0.0.1']));
      expect(names).not.toContain('0.0.0.0');
    });

    const acme = { BASTIDE_TLS: 'acme', BASTIDE_TLS_NAMES: 'a.town.example', BASTIDE_ACME_TERMS: 'accepted' };
    it('is taken with ACME, once the terms are accepted', () => {
      expect(listening({ ...acme, BASTIDE_ACME_CA: at('one.pem'), BASTIDE_ACME_LISTEN: '[::]:80' }).tls).toMatchObject({
        kind: 'acme',
        names: ['a.town.example'],
        directoryUrl: expect.stringContaining('letsencrypt.org'),
        ca: expect.stringContaining('BEGIN CERTIFICATE'),
        listen: { host: '::', port: 80 },
      });
    });

    it.each<[string, Record<string, string>, string]>([
      ['a kind that is none', { BASTIDE_TLS: 'magic' }, 'BASTIDE_TLS must be one of'],
      ['a name that is none', { BASTIDE_TLS: 'own', BASTIDE_TLS_NAMES: 'a_b' }, 'a_b is neither a host name'],
      ['ACME without the terms', { ...acme, BASTIDE_ACME_TERMS: 'yes' }, 'BASTIDE_ACME_TERMS=accepted'],
      ['ACME without names', { ...acme, BASTIDE_TLS_NAMES: '' }, 'needs BASTIDE_TLS_NAMES'],
      ['ACME for an address', { ...acme, BASTIDE_TLS_NAMES: '192.0.2.1' }, 'without addresses'],
      ['ACME with a CA that is none', { ...acme, BASTIDE_ACME_CA: '/nowhere' }, 'BASTIDE_ACME_CA /nowhere cannot'],
      ['ACME settings without ACME', { BASTIDE_ACME_TERMS: 'accepted' }, 'need BASTIDE_TLS=acme'],
      ['two kinds at once', { BASTIDE_TLS: 'own', BASTIDE_TLS_KEY: 'x' }, 'makes its own certificate'],
    ])('is refused with %s', (_, settings, finding) => {
      expect(() => listening(settings)).toThrow(finding);
    });
  });
});
