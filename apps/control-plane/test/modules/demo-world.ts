import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { DirectoryCatalogue } from '../../src/adapters/catalogue/directory-catalogue.js';
import { SiteCertificateAuthority } from '../../src/adapters/certificates/site-certificate-authority.js';
import { SystemClock } from '../../src/adapters/clock/system-clock.js';
import { openDatabase } from '../../src/adapters/database/database.js';
import { KyselySecretRows } from '../../src/adapters/database/kysely-secret-rows.js';
import { KyselyStackStore } from '../../src/adapters/database/kysely-stack-store.js';
import { EmbeddedPostgres } from '../../src/adapters/embedded/embedded-postgres.js';
import { EnvelopeSecretStore } from '../../src/adapters/secrets/envelope-secret-store.js';
import { MasterKeyFile } from '../../src/adapters/secrets/master-key-file.js';
import { RandomSecretSource } from '../../src/adapters/secrets/random-secret-source.js';
import { SshGuestShell } from '../../src/adapters/ssh/ssh-guest-shell.js';
import { sshKeyFrom } from '../../src/adapters/ssh/ssh-key.js';
import type { StepWorld } from '../../src/application/runs/executors/step-world.js';
import type { Demo } from '../e2e/demo.js';

const QUIET = { info: () => undefined, warn: () => undefined, error: () => undefined, debug: () => undefined };

/** Records, keys and guests of a demo that runs, reached beside its control plane and with its own keys. */
export async function openDemoWorld(demo: Demo): Promise<{ world: StepWorld; close: () => Promise<void> }> {
  const embedded = new EmbeddedPostgres({ directory: demo.state, log: QUIET as never });
  const database = openDatabase({ url: embedded.url });
  const secrets = new EnvelopeSecretStore(
    new KyselySecretRows(database),
    new MasterKeyFile(join(demo.state, 'master-key')),
  );
  const key = await sshKeyFrom(secrets);
  const shell = new SshGuestShell({ privateKey: key.privateKey });
  const world = {
    stacks: new KyselyStackStore(database),
    secrets,
    secretSource: new RandomSecretSource(),
    certificates: new SiteCertificateAuthority(secrets, new SystemClock()),
    catalogue: new DirectoryCatalogue({ modules: ['modules'], blueprints: ['blueprints'] }),
    shell,
    sshPublicKey: key.publicKey,
    sha256: (text: string) => createHash('sha256').update(text).digest('hex'),
  } as unknown as StepWorld;
  return {
    world,
    close: async () => {
      shell.close();
      await database.close();
    },
  };
}
