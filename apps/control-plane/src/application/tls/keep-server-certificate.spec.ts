import type { NotificationEvent } from '../../domain/notification/event.js';
import { WorldFailure } from '../../domain/problem.js';
import { renewAt, waitAfterFailures } from '../../domain/tls/renewal.js';
import { SILENT_LOG } from '../runs/engine-log.port.js';
import { KeepServerCertificate } from './keep-server-certificate.js';
import type { CertificateSource, RenewalMemory, ServerCertificate } from './server-certificate.port.js';

const DAY = 86_400_000;
const START = 1_800_000_000_000;

describe('the certificate that the API shows', () => {
  let now: number;
  let serial: number;
  let applied: string[];
  let told: Map<string, NotificationEvent>;
  const certificate = (fingerprint: string, days = 90): ServerCertificate => ({
    certificate: 'pem',
    key: 'key',
    notBefore: now,
    notAfter: now + days * DAY,
    fingerprint,
    serial: fingerprint,
    names: ['bastide.town.example'],
  });
  /** An authority that is up or down, with what it remembers over restarts. */
  class Authority implements CertificateSource {
    up = true;
    asked = 0;
    has: ServerCertificate | undefined;
    remembered: RenewalMemory | undefined;
    constructor(
      readonly kind: 'own' | 'acme',
      private readonly prefix: string,
    ) {}
    kept = async () => this.has;
    renew = async () => {
      this.asked += 1;
      if (!this.up) throw new WorldFailure({ code: 'acme.failed', retryable: 'later', message: 'Nobody there.' });
      this.has = certificate(`${this.prefix}${serial++}`);
      return this.has;
    };
    memory = {
      read: async () => this.remembered,
      write: async (memory: RenewalMemory | undefined) => {
        this.remembered = memory;
      },
    };
  }
  const open = async (source: CertificateSource, standIn?: CertificateSource) => {
    const keep = new KeepServerCertificate(source, standIn, { now: () => now }, SILENT_LOG, () => 0.5);
    await keep.open();
    keep.connect(
      ({ fingerprint }) => applied.push(fingerprint),
      async (events) => {
        for (const event of events) told.set(event.key, event);
      },
    );
    const look = async (later = 0): Promise<void> => {
      now += later;
      await keep.look(new AbortController().signal);
    };
    return { keep, look };
  };
  beforeEach(() => {
    now = START;
    serial = 1;
    applied = [];
    told = new Map();
  });

  it('is made at the first start, and renewed in time without anybody’s act', async () => {
    const source = new Authority('own', 'own');
    const { keep, look } = await open(source);
    expect(keep.served).toMatchObject({ certificate: { fingerprint: 'own1' }, standIn: false });
    await look(50 * DAY);
    expect(applied).toEqual([]);
    await look(15 * DAY);
    await look(1);
    expect(applied).toEqual(['own2']);
    expect(told.size).toBe(0);
  });

  it('another one stands in until the authority outside has given the first', async () => {
    const acme = new Authority('acme', 'acme');
    acme.up = false;
    const { keep, look } = await open(acme, new Authority('own', 'own'));
    expect(keep.served).toMatchObject({ source: 'acme', standIn: true, certificate: { fingerprint: 'own1' } });
    await look();
    expect([...told.values()]).toMatchObject([{ kind: 'certificate-failed', facts: { message: 'Nobody there.' } }]);
    acme.up = true;
    await look(DAY);
    expect(keep.served).toMatchObject({ standIn: false, certificate: { fingerprint: 'acme2' } });
    expect(applied).toEqual(['acme2']);
  });

  it('what cannot be renewed is served on, told once a day, and asked for less and less often', async () => {
    const acme = new Authority('acme', 'acme');
    acme.has = certificate('old');
    const { keep, look } = await open(acme, new Authority('own', 'own'));
    acme.up = false;
    await look(80 * DAY);
    for (let minute = 0; minute < 2 * 24 * 60; minute += 1) await look(60_000);
    expect(keep.served.certificate.fingerprint).toBe('old');
    expect(acme.asked).toBeGreaterThan(5);
    expect(acme.asked).toBeLessThan(14);
    expect([...told.values()].filter(({ kind }) => kind === 'certificate-failed').length).toBeLessThanOrEqual(3);
    expect([...told.values()].map(({ kind }) => kind)).toContain('certificate-failed');
  });

  it('a service that starts anew again and again does not ask again and again', async () => {
    const acme = new Authority('acme', 'acme');
    acme.up = false;
    for (let start = 0; start < 20; start += 1) {
      const { look } = await open(acme, new Authority('own', 'own'));
      await look(1_000);
    }
    expect(acme.asked).toBe(1);
  });

  it('files that change are served; a pair that does not fit is not, and is told', async () => {
    let file: ServerCertificate | Error = certificate('first', 30);
    const source: CertificateSource = {
      kind: 'file',
      kept: async () => {
        if (file instanceof Error) throw file;
        return file;
      },
    };
    const { keep, look } = await open(source);
    file = new WorldFailure({ code: 'certificate.unusable', retryable: 'later', message: 'half of it' });
    await look(1);
    expect(keep.served.certificate.fingerprint).toBe('first');
    file = certificate('second', 30);
    await look(1);
    expect(applied).toEqual(['second']);
    await look(25 * DAY);
    expect([...told.values()].map(({ kind }) => kind)).toEqual(['certificate-failed', 'certificate-expiring']);
  });

  it('who only broke the file, and did not hear of it, still hears how little time is left', async () => {
    let broken = false;
    const first = certificate('first', 30);
    const source: CertificateSource = {
      kind: 'file',
      kept: async () => {
        if (broken) throw new WorldFailure({ code: 'certificate.unusable', retryable: 'later', message: 'gone' });
        return first;
      },
    };
    const { look } = await open(source);
    broken = true;
    await look(1);
    told.clear();
    await look(25 * DAY);
    expect([...told.values()].map(({ kind }) => kind)).toEqual(['certificate-expiring']);
  });

  it('a next try that a wrong clock put years away is made now', async () => {
    const acme = new Authority('acme', 'acme');
    acme.has = certificate('old');
    acme.remembered = { failures: 3, nextAt: START + 900 * DAY };
    const { look } = await open(acme, new Authority('own', 'own'));
    await look(80 * DAY);
    expect(applied).toEqual(['acme1']);
  });

  it('that nobody can be told does not count as a failed renewal', async () => {
    const acme = new Authority('acme', 'acme');
    acme.has = certificate('old', 5);
    acme.remembered = { failures: 1, nextAt: START + 3_600_000 };
    const { keep, look } = await open(acme, new Authority('own', 'own'));
    keep.connect(
      () => {},
      async () => {
        throw new Error('the database is away');
      },
    );
    await look();
    expect(acme.remembered).toEqual({ failures: 1, nextAt: START + 3_600_000 });
  });

  it('renews near the end of life, spread a little, and waits at most half a day', () => {
    const validity = { notBefore: 0, notAfter: 90 * DAY };
    expect([0, 1].map((chance) => Math.round((renewAt(validity, chance) / DAY) * 10) / 10)).toEqual([58.5, 63]);
    expect([1, 2, 3, 4, 5, 6, 99].map((failures) => waitAfterFailures(failures, 0.5) / 60_000)).toEqual([
      1, 4, 16, 64, 256, 720, 720,
    ]);
  });
});
