import path from 'node:path';
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
});
