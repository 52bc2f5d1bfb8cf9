import { X509Certificate } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { connect, rootCertificates, type TLSSocket } from 'node:tls';
import { Agent, setGlobalDispatcher } from 'undici';
import { EXIT, Failure } from './failure.js';
import { note, safe } from './output.js';
import type { Prompt } from './prompt.js';

const CONNECT_MS = 10_000;
/** What Node says of a certificate whose authority it does not know. */
const UNTRUSTED =
  /^(UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_GET_ISSUER_CERT\w*|CERT_SIGNATURE_FAILURE)$/;

export const isUntrusted = (code: string | undefined): boolean => UNTRUSTED.test(code ?? '');

const place = (url: string): string =>
  join(
    process.env.XDG_STATE_HOME ?? join(homedir(), '.local/state'),
    'bastide/authorities',
    `${new URL(url).host.replace(/[^A-Za-z0-9.-]/g, '_')}.pem`,
  );

const readable = (file: string): Promise<string | undefined> => readFile(file, 'utf8').catch(() => undefined);

/**
 * From now on requests trust, besides the public authorities: the file that is named (`--ca`, `BASTIDE_CA`), else what was
 * confirmed at a log-in at this address, else the authority of a control plane whose state folder is here.
 */
export async function trustFor(url: string, named: string | undefined, stateDirectory: string): Promise<void> {
  if (!url.startsWith('https:')) return;
  const file = named ?? process.env.BASTIDE_CA;
  if (file) {
    const given = await readable(file);
    if (given === undefined) throw new Failure(EXIT.usage, `the CA file ${file} cannot be read`);
    return trust(given);
  }
  const known = (await readable(place(url))) ?? (await readable(join(stateDirectory, 'tls/own/authority.crt')));
  if (known) trust(known);
}

function trust(pem: string): void {
  try {
    setGlobalDispatcher(new Agent({ connect: { ca: [...rootCertificates, pem] } }));
  } catch (error) {
    throw new Failure(EXIT.usage, `the CA file holds no certificate: ${(error as Error).message}`);
  }
}

/**
 * The first time at an address: shows whom one would trust, asks, and keeps the answer. `expected`: the fingerprint that
 * somebody was told, which then answers in the person's place.
 */
export async function meet(url: string, prompt: Prompt, expected: string | undefined): Promise<void> {
  const authority = await authorityAt(new URL(url));
  const { fingerprint256 } = authority;
  if (expected === undefined) {
    note(`The control plane at ${url} shows a certificate of an authority that is not known here:`);
    note(`  ${safe(authority.subject.replaceAll('\n', ', '))}`);
    note(`  SHA-256 ${fingerprint256}`);
    note('It stands in the control plane’s log at its start, and at its dashboard under Settings, Connection.');
    const answer = await prompt.ask('Is it the same? (yes/no)');
    if (answer.trim() !== 'yes') throw new Failure(EXIT.refused, 'not trusted; nothing was sent');
  } else if (plain(expected) !== plain(fingerprint256)) {
    throw new Failure(EXIT.refused, `the authority there has another fingerprint: ${fingerprint256}; nothing was sent`);
  }
  const file = place(url);
  await mkdir(join(file, '..'), { recursive: true, mode: 0o700 });
  await writeFile(file, authority.toString(), { mode: 0o600 });
  trust(authority.toString());
}

const plain = (fingerprint: string): string => fingerprint.replace(/[^0-9A-Fa-f]/g, '').toUpperCase();

/** The self-signed end of the chain that a server shows. */
function authorityAt({ hostname, port }: URL): Promise<X509Certificate> {
  const host = hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect({
      host,
      port: Number(port || 443),
      servername: host,
      // Only looked at: nothing is sent over this connection.
      rejectUnauthorized: false,
      timeout: CONNECT_MS,
    });
    const failed = (error: Error): void => {
      socket.destroy();
      reject(new Failure(EXIT.unreachable, `the certificate at ${host} cannot be read: ${error.message}`));
    };
    socket.once('error', failed).once('timeout', () => failed(new Error('no answer in time')));
    socket.once('secureConnect', () => {
      let at = socket.getPeerX509Certificate();
      for (let next = at?.issuerCertificate; at && next && at.fingerprint256 !== next.fingerprint256; ) {
        at = next;
        next = at.issuerCertificate;
      }
      socket.destroy();
      if (at && at.subject === at.issuer && at.verify(at.publicKey)) resolve(at);
      else failed(new Error('it does not show its authority; name the authority’s file with --ca'));
    });
  });
}
