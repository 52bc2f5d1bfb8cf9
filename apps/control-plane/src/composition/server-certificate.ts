import { join } from 'node:path';
import type { Logger } from 'pino';
import { AcmeCertificateSource } from '../adapters/acme/acme-certificate-source.js';
import { FileCertificateSource } from '../adapters/certificates/file-certificate-source.js';
import { OwnCertificateSource } from '../adapters/certificates/own-certificate-source.js';
import { SystemClock } from '../adapters/clock/system-clock.js';
import { KeepServerCertificate } from '../application/tls/keep-server-certificate.js';
import type { Config } from '../config/config.js';

/** What the API shows at handshakes; there before anything else is, so that it can say why something else is not. */
export function keepServerCertificate(config: Config, log: Logger): KeepServerCertificate | undefined {
  const { tls, stateDir } = config;
  if (!tls || config.role === 'worker') return undefined;
  const clock = new SystemClock();
  const own = (names: readonly string[]) => new OwnCertificateSource(join(stateDir, 'tls/own'), names, clock);
  const keep = (
    ...[source, standIn]: [ConstructorParameters<typeof KeepServerCertificate>[0], OwnCertificateSource?]
  ) => new KeepServerCertificate(source, standIn, clock, log, Math.random);
  if (tls.kind === 'file') return keep(new FileCertificateSource(tls.certificateFile, tls.keyFile));
  if (tls.kind === 'own') return keep(own(tls.names));
  const { directoryUrl, names, email, ca, listen } = tls;
  const settings = { directoryUrl, names, listen, ...(email ? { email } : {}), ...(ca ? { ca } : {}) };
  return keep(new AcmeCertificateSource(join(stateDir, 'tls/acme'), settings), own(tls.ownNames));
}
