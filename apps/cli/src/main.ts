import { Command, CommanderError, Option } from 'commander';
import { addAccountCommands } from './commands/account-commands.js';
import { addAuditCommands } from './commands/audit-commands.js';
import { addCatalogueCommands } from './commands/catalogue-commands.js';
import { addCompletionCommand } from './commands/completion-command.js';
import { addConnectionCommands } from './commands/connection-commands.js';
import { addDemoCommand } from './commands/demo-command.js';
import { addLabCommands, handOverToLab } from './commands/lab-commands.js';
import { addNotificationCommands } from './commands/notification-commands.js';
import { addProviderCommands } from './commands/provider-commands.js';
import { addRunCommands } from './commands/run-commands.js';
import { addSecretCommands } from './commands/secret-commands.js';
import { addSiteCommands } from './commands/site-commands.js';
import { addStackCommands } from './commands/stack-commands.js';
import { addStatusCommand } from './commands/stack-views.js';
import { DEFAULT_URL } from './connection.js';
import { EXIT, Failure } from './failure.js';
import { note, paint, problemText, safe } from './output.js';

const program = new Command('bastide')
  .description('turnkey office stacks on Proxmox VE')
  .option('--url <url>', `control plane (default: ${DEFAULT_URL})`)
  .option('--token-file <file>', 'file with the API token')
  .option('--ca <file>', 'authority of the control plane’s certificate, PEM')
  .addOption(new Option('-o, --output <format>', 'output').choices(['text', 'json']).default('text'))
  .exitOverride()
  .showHelpAfterError('(--help shows the options)');

addCatalogueCommands(program);
addStackCommands(program);
addRunCommands(program);
addSiteCommands(program);
addStatusCommand(program);
addSecretCommands(program);
addAccountCommands(program);
addProviderCommands(program);
addAuditCommands(program);
addNotificationCommands(program);
addConnectionCommands(program);
addDemoCommand(program);
addLabCommands(program);
addCompletionCommand(program);

try {
  // The lab has options of its own; everything after its name is for it.
  if (process.argv[2] === 'lab' && process.argv.length > 3) await handOverToLab(process.argv.slice(3));
  else await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof Failure) {
    if (program.opts<{ output: string }>().output === 'json')
      process.stdout.write(`${JSON.stringify(error.problem ?? { message: error.message }, null, 2)}\n`);
    else note(error.problem ? problemText(error.problem) : `${paint.red('failed')}: ${safe(error.message)}`);
    return error.exit;
  }
  note(`${paint.red('failed')}: ${safe(error instanceof Error ? error.message : String(error))}`);
  return EXIT.fault;
}
