import type { Command } from 'commander';
import { withSession } from '../context.js';
import { take } from '../failure.js';
import { show } from '../output.js';

export function addSecretCommands(program: Command): void {
  const secrets = program.command('secrets').description('the store of secrets');
  secrets
    .command('rotate-master-key')
    .description('seal every stored secret with a new master key; the secrets themselves stay')
    .action(
      withSession(async ({ connection, format }) => {
        const rotated = take(await connection.api.POST('/api/v1/secrets/rotate-master-key', {}));
        show(
          format,
          rotated,
          ({ secrets: count }) =>
            `${count} secrets are sealed with the new key. Copy the master key file again: the old copy opens none of them.`,
        );
      }),
    );
}
