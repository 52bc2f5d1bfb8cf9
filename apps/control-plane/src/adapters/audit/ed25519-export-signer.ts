import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import type { ExportSigner } from '../../application/audit/export-audit.js';
import type { SecretStore } from '../../application/secrets/secret-store.port.js';

const SECRET = 'audit/export-key';

/** An Ed25519 key, made at the first export and kept from then on. */
export class Ed25519ExportSigner implements ExportSigner {
  constructor(private readonly secrets: Pick<SecretStore, 'ensure'>) {}

  async publicKey(): Promise<string> {
    return createPublicKey(await this.#key())
      .export({ format: 'der', type: 'spki' })
      .toString('base64');
  }

  async sign(text: string): Promise<string> {
    return sign(null, Buffer.from(text), await this.#key()).toString('base64');
  }

  digest(): ReturnType<ExportSigner['digest']> {
    const hash = createHash('sha256');
    return { update: (text) => void hash.update(text), hex: () => hash.digest('hex') };
  }

  async #key(): Promise<ReturnType<typeof createPrivateKey>> {
    const pem = await this.secrets.ensure(SECRET, () =>
      generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    );
    return createPrivateKey(pem);
  }
}
