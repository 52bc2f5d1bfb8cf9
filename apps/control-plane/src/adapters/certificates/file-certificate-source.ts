import { readFile, stat } from 'node:fs/promises';
import type { CertificateSource, ServerCertificate } from '../../application/tls/server-certificate.port.js';
import { readServerCertificate } from './server-certificate-file.js';

/** Files that somebody else renews. They are read again when they change; a half-written pair is refused and read again. */
export class FileCertificateSource implements CertificateSource {
  readonly kind = 'file';
  #seen = '';
  #known: ServerCertificate | undefined;

  constructor(
    private readonly certificateFile: string,
    private readonly keyFile: string,
  ) {}

  async kept(): Promise<ServerCertificate | undefined> {
    const files = [this.certificateFile, this.keyFile] as const;
    const looks = await Promise.all(files.map((file) => stat(file)));
    const seen = looks.map(({ mtimeMs, size, ino }) => `${mtimeMs} ${size} ${ino}`).join();
    if (this.#known && seen === this.#seen) return this.#known;
    const [certificate, key] = await Promise.all(files.map((file) => readFile(file, 'utf8')));
    this.#known = readServerCertificate(certificate ?? '', key ?? '', this.certificateFile);
    this.#seen = seen;
    return this.#known;
  }
}
