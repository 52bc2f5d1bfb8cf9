/** Clear passwords become crypt(3) hashes before anything keeps them; perl is part of every Debian. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';

const SCRIPT = 'my $s = <STDIN>; chomp $s; my $p = <STDIN>; chomp $p; print crypt($p, "\\$6\\$$s\\$");';

export function hashPassword(password: string): Promise<string> {
  // One that is hashed already stays as it is.
  if (/^\$(?:[156]|2[ay])(?:\$.+){2}/.test(password)) return Promise.resolve(password);
  return new Promise((resolve, reject) => {
    const child = spawn('perl', ['-e', SCRIPT], { stdio: ['pipe', 'pipe', 'ignore'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.once('error', reject);
    child.once('close', () => {
      if (output.startsWith('$6$')) resolve(output);
      else reject(new Error('could not hash the password: perl gave no result'));
    });
    const salt = randomBytes(12)
      .toString('base64')
      .replace(/[^A-Za-z0-9]/g, 'a');
    child.stdin.end(`${salt}\n${password.replace(/[\r\n]/g, '')}\n`);
  });
}
