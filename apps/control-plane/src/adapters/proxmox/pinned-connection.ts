import type { Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { buildConnector } from 'undici';
import { Refusal } from '../../domain/problem.js';
import { bareOf } from '../addresses/reachable-addresses.js';

/** Time for TCP and TLS together. */
const HANDSHAKE_MS = 10_000;

/** `aa:bb…`, `AABB…`, `sha256:AABB…` → `AA:BB:…`, the form in which Node gives a peer's fingerprint. */
export function normalFingerprint(text: string): string {
  const hex = text.replace(/^sha-?256[:=/ ]/i, '').replace(/[^0-9a-f]/gi, '');
  return (hex.toUpperCase().match(/../g) ?? []).join(':');
}

/**
 * TLS for a server whose certificate comes from its own private authority (Proxmox VE's default): the SHA-256
 * fingerprint that the admin confirmed is the trust anchor. OpenSSL's chain check is off because it could only refuse;
 * the fingerprint check replaces it and happens before the socket is handed out, so not one byte of a request (and no
 * token) reaches a foreign server. No session is ever resumed: a resumed handshake shows no certificate.
 *
 * Errors: `Refusal` `certificate.foreign` with `expected` and `found`; otherwise what the socket says.
 */
export function openPinned(
  to: { readonly host: string; readonly port: number; readonly fingerprint: string },
  done: (error: Error | null, socket: TLSSocket | null) => void,
): void {
  const expected = normalFingerprint(to.fingerprint);
  const socket = connectTls({
    host: to.host,
    port: to.port,
    // An address must not be sent as server name (RFC 6066); the fingerprint says who it is anyway.
    ...(/^[\d.]+$|:/.test(to.host) ? {} : { servername: to.host }),
    ALPNProtocols: ['http/1.1'],
    rejectUnauthorized: false,
  });
  let settled = false;
  const settle = (error: Error | null) => {
    if (settled) return;
    settled = true;
    clearTimeout(timer);
    if (error) socket.destroy();
    done(error, error ? null : socket);
  };
  const timer = setTimeout(() => {
    const error: NodeJS.ErrnoException = new Error(`no TLS connection within ${HANDSHAKE_MS / 1000} s`);
    error.code = 'ETIMEDOUT';
    settle(error);
  }, HANDSHAKE_MS);
  // This listener stays for the socket's life: an error between two users of the socket must not end the process.
  socket.on('error', settle);
  socket.once('close', () => settle(new Error('the connection closed during the TLS handshake')));
  socket.once('secureConnect', () => {
    const found = socket.getPeerCertificate().fingerprint256 ?? '';
    if (expected.length > 0 && found === expected) {
      socket.setNoDelay(true).setKeepAlive(true, 30_000);
      settle(null);
    } else settle(foreignCertificate(to, expected, found));
  });
}

/** The same as undici's connector: every connection of its agent is pinned. */
export function pinnedConnector(fingerprint: string): buildConnector.connector {
  return (options, callback) => {
    openPinned(
      { host: bareOf(options.hostname), port: Number(options.port || 443), fingerprint },
      (error, socket: Socket | null) => {
        if (error) callback(error, null);
        else if (socket) callback(null, socket);
      },
    );
  };
}

function foreignCertificate(to: { host: string; port: number }, expected: string, found: string): Refusal {
  return new Refusal({
    code: 'certificate.foreign',
    subject: `${to.host}:${to.port}`,
    message: `The server shows a certificate (${found || 'none'}) that is not the confirmed one (${expected || 'none'}).`,
    remedy:
      'Compare the found fingerprint with the one that the Proxmox VE node shows (Node → System → Certificates); if it was renewed, confirm it for this substrate. If not, somebody is in between.',
    details: { expected, found },
  });
}
