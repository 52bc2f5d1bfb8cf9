import ssh2 from 'ssh2';
import type { SecretStore } from '../../application/secrets/secret-store.port.js';

/** The key with which the control plane opens its guests. */
export interface SshKey {
  /** OpenSSH private key, PEM. */
  readonly privateKey: string;
  /** One line for authorized_keys. */
  readonly publicKey: string;
}

const NAME = 'control-plane/ssh-key';

/** Made on first use, kept in the secret store: every worker has the same one. */
export async function sshKeyFrom(secrets: SecretStore): Promise<SshKey> {
  const privateKey = await secrets.ensure(
    NAME,
    () => ssh2.utils.generateKeyPairSync('ed25519', { comment: 'bastide' }).private,
  );
  const parsed = ssh2.utils.parseKey(privateKey);
  if (parsed instanceof Error) throw new Error(`the stored SSH key cannot be read: ${parsed.message}`);
  return { privateKey, publicKey: `${parsed.type} ${parsed.getPublicSSH().toString('base64')} bastide` };
}
