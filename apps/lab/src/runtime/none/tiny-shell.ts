/** The shell of a guest that is not there: cat, chpasswd, echo, true, false, hostname, exit and `sh -c` of those. */
import type { GuestConsole } from '../guest-runtime.port.js';

type ReadFile = (path: string) => Buffer | undefined;
interface Result {
  exitCode: number;
  stdout: string;
  stderr: string;
}

const words = (text: string) =>
  [...text.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map((found) => found[1] ?? found[2] ?? found[3] ?? '');

export function runCommand(argv: readonly string[], read: ReadFile, input?: Buffer): Result {
  const [command = '', ...rest] = argv;
  const name = command.split('/').at(-1) ?? '';
  const done = (stdout: string, exitCode = 0, stderr = ''): Result => ({ exitCode, stdout, stderr });
  if (name === 'true') return done('');
  if (name === 'false') return done('', 1);
  if (name === 'echo') return done(`${rest.join(' ')}\n`);
  if (name === 'hostname') return done(read('/etc/hostname')?.toString() ?? '');
  if (name === 'chpasswd') return done('');
  if (name === 'exit') return done('', Number(rest[0] ?? 0));
  if (name === 'cat') {
    if (rest.length === 0) return done(input?.toString() ?? '');
    const result = done('');
    for (const path of rest) {
      const content = read(path);
      if (content) result.stdout += content.toString();
      else {
        result.stderr += `cat: ${path}: No such file or directory\n`;
        result.exitCode = 1;
      }
    }
    return result;
  }
  if ((name === 'sh' || name === 'bash') && rest[0] === '-c') return runScript(rest[1] ?? '', read, input);
  return done('', 127, `${command}: command not found (this lab runs no guests)\n`);
}

function runScript(text: string, read: ReadFile, input?: Buffer): Result {
  const result: Result = { exitCode: 0, stdout: '', stderr: '' };
  for (const line of text.split(/[;\n]/)) {
    const argv = words(line);
    if (argv.length === 0) continue;
    const step = runCommand(argv, read, input);
    result.stdout += step.stdout;
    result.stderr += step.stderr;
    result.exitCode = step.exitCode;
    if (argv[0] === 'exit') break;
  }
  return result;
}

/** An interactive terminal: echoes what is typed, answers line by line. */
export function openShell(hostname: string, read: ReadFile): GuestConsole {
  let onData: (data: Buffer) => void = () => undefined;
  let onClose: () => void = () => undefined;
  let line = '';
  let closed = false;
  const prompt = `root@${hostname}:~# `;
  const say = (text: string) => onData(Buffer.from(text.replaceAll('\n', '\r\n')));
  const close = () => {
    if (closed) return;
    closed = true;
    onClose();
  };
  return {
    write(data) {
      for (const character of data.toString()) {
        if (character === '\r' || character === '\n') {
          say('\n');
          const argv = words(line);
          line = '';
          if (argv[0] === 'exit') {
            close();
            return;
          }
          if (argv.length > 0) {
            const result = runCommand(argv, read);
            say(result.stdout + result.stderr);
          }
          say(prompt);
        } else if (character === '\x7f') line = line.slice(0, -1);
        else if (character === '\x04') close();
        else {
          line += character;
          say(character);
        }
      }
    },
    resize() {},
    onData(listener) {
      onData = listener;
      say(prompt);
    },
    onClose(listener) {
      onClose = listener;
    },
    close,
  };
}
