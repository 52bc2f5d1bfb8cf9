import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import acme from 'acme-client';
import type {
  CertificateSource,
  RenewalMemory,
  ServerCertificate,
} from '../../application/tls/server-certificate.port.js';
import { WorldFailure } from '../../domain/problem.js';
import { readPair, sameNames, writePrivately } from '../certificates/server-certificate-file.js';
import { ChallengeListener } from './challenge-listener.js';

export interface AcmeSettings {
  readonly directoryUrl: string;
  readonly names: readonly string[];
  readonly email?: string;
  /** PEM of the authority of the ACME server itself, besides the public ones. */
  readonly ca?: string;
  readonly listen: { readonly host: string; readonly port: number };
}

const REQUEST_MS = 30_000;
/** How often, and how long between, the authority is asked whether it is done. */
const POLL = { backoffAttempts: 15, backoffMin: 1_000, backoffMax: 15_000 };

/** One order at a time: the library has one HTTP client for all of them. */
export class AcmeCertificateSource implements CertificateSource {
  readonly kind = 'acme';
  readonly #file: string;
  readonly #id: string;

  constructor(
    private readonly directory: string,
    private readonly settings: AcmeSettings,
  ) {
    // Another authority has other accounts, and its certificates are other ones.
    this.#id = createHash('sha256').update(settings.directoryUrl).digest('hex').slice(0, 12);
    this.#file = join(directory, `server-${this.#id}.pem`);
  }

  async kept(): Promise<ServerCertificate | undefined> {
    const kept = await readPair(this.#file);
    return kept && sameNames(kept.names, this.settings.names) ? kept : undefined;
  }

  async renew(signal: AbortSignal): Promise<ServerCertificate> {
    const { directoryUrl, names, email, ca, listen } = this.settings;
    const listener = new ChallengeListener(listen);
    const unasked: string[] = [];
    // When to try again is decided above, where the whole order is tried again.
    const acmeSettings = { retryMaxAttempts: 0, retryDefaultDelay: 1 };
    Object.assign(acme.axios.defaults, { timeout: REQUEST_MS, signal, proxy: false, acmeSettings });
    const agent = new Agent(ca ? { ca: [...rootCertificates, ca] } : {});
    acme.axios.defaults.httpsAgent = agent;
    try {
      await reach(directoryUrl, agent, signal);
      await listener.open();
      const client = new acme.Client({ directoryUrl, accountKey: await this.#accountKey(), ...POLL });
      const [key, csr] = await acme.crypto.createCsr(
        { altNames: [...names] },
        await acme.crypto.createPrivateEcdsaKey(),
      );
      const ordered = client.auto({
        csr,
        ...(email ? { email } : {}),
        termsOfServiceAgreed: true,
        // The public name need not lead here from the inside.
        skipChallengeVerification: true,
        challengePriority: ['http-01'],
        challengeCreateFn: async (_authorization, challenge, answer) => {
          if (challenge.type !== 'http-01') throw new Error('the authority does not offer HTTP-01');
          listener.answers.set(challenge.token, answer);
        },
        challengeRemoveFn: async ({ identifier }, challenge) => {
          // Of a kind of challenge that we do not take nothing was ever to be asked.
          const waited = listener.answers.delete(challenge.token);
          if (waited && !listener.asked.has(challenge.token)) unasked.push(identifier.value);
        },
      });
      const chain = await untilAborted(ordered, signal);
      await writePrivately(this.#file, `${key.toString().trim()}\n${chain.trim()}\n`);
      const made = await this.kept();
      if (!made) throw new Error(`the authority’s certificate is not for ${names.join(', ')}`);
      return made;
    } catch (error) {
      throw asWorldFailure(error, directoryUrl, unasked);
    } finally {
      await listener.close();
    }
  }

  readonly memory = {
    read: async (): Promise<RenewalMemory | undefined> => {
      try {
        return JSON.parse(await readFile(this.#memoryFile, 'utf8')) as RenewalMemory;
      } catch {
        // None, or damaged: then the next try is now.
        return undefined;
      }
    },
    write: (memory: RenewalMemory | undefined): Promise<void> =>
      writePrivately(this.#memoryFile, JSON.stringify(memory ?? { failures: 0, nextAt: 0 })),
  };

  get #memoryFile(): string {
    return join(this.directory, `next-try-${this.#id}.json`);
  }

  async #accountKey(): Promise<string> {
    const file = join(this.directory, `account-${this.#id}.key`);
    const known = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (known !== undefined) return known;
    const made = (await acme.crypto.createPrivateEcdsaKey()).toString();
    await writePrivately(file, made);
    return made;
  }
}

/** Asks once ourselves: of an authority that is not reached, the library says nothing that helps anybody. */
function reach(url: string, agent: Agent, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { agent, signal, timeout: REQUEST_MS, headers: { 'user-agent': 'Bastide' } });
    asked.on('timeout', () => asked.destroy(new Error('no answer in time')));
    asked.on('error', reject);
    asked.on('response', (response) => {
      response.resume();
      if (response.statusCode === 200) resolve();
      else reject(new Error(`its directory answers HTTP ${response.statusCode}`));
    });
    asked.end();
  });
}

/** `unasked`: names whose question never came here; with several names, the authority’s words do not say which one failed. */
function asWorldFailure(error: unknown, directoryUrl: string, unasked: readonly string[]): WorldFailure {
  if (error instanceof WorldFailure) return error;
  const { message, code } = error as { message?: string; code?: string };
  return new WorldFailure(
    {
      code: 'acme.failed',
      retryable: 'later',
      message: `No certificate from ${directoryUrl}: ${message || code || String(error)}`,
      hint: unasked.length
        ? `The authority’s question for ${unasked.join(', ')} did not arrive here: from the outside, port 80 of that name must lead to this server (DNS, port forwarding, firewall).`
        : 'The authority must reach port 80 of every name; its own certificate must be trusted here.',
    },
    { cause: error },
  );
}

const untilAborted = <T>(work: Promise<T>, signal: AbortSignal): Promise<T> =>
  new Promise((resolve, reject) => {
    const end = (): void => reject(signal.reason as Error);
    if (signal.aborted) end();
    signal.addEventListener('abort', end, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', end));
  });
