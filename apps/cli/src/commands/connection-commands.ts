import type { Command } from 'commander';
import { withSession } from '../context.js';
import { EXIT, Failure, take } from '../failure.js';
import { print, show, when } from '../output.js';

/** How this control plane is reached. */
export function addConnectionCommands(program: Command): void {
  program
    .command('certificate')
    .option('--authority', 'print the authority’s certificate, for the machines of people and programs')
    .description('what the control plane shows at handshakes: fingerprint, names, end')
    .action(
      withSession(async ({ connection, format }, options: { authority?: boolean }) => {
        const { certificate } = take(await connection.api.GET('/api/v1/connection'));
        if (options.authority) {
          if (!certificate?.authority) throw new Failure(EXIT.refused, 'it has no authority of its own');
          return print(certificate.authority.certificate.trimEnd());
        }
        show(format, certificate ?? {}, () =>
          certificate
            ? [
                `from         ${certificate.source}${certificate.standIn ? ', which has not given one yet; its own authority stands in' : ''}`,
                `fingerprint  ${certificate.fingerprint}`,
                ...(certificate.authority ? [`authority    ${certificate.authority.fingerprint}`] : []),
                `names        ${certificate.names.join(', ')}`,
                `until        ${when(certificate.notAfter)}`,
              ].join('\n')
            : 'plain HTTP, on loopback alone',
        );
      }),
    );
}
