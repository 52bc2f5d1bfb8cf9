import { HookLog } from './hook-log.js';
import { outcomeOf } from './hook-outcome.js';
import { Redactor } from './redactor.js';

const none = new Redactor([]);
const outcome = (reply: string | Buffer, said = '') => {
  const log = new HookLog(none);
  log.push('stdout', Buffer.from(said), 1);
  return outcomeOf(Buffer.from(reply), log, none, 'hook configure');
};

describe('outcomeOf', () => {
  it('gives exit code, output and last words', () => {
    expect(outcome('exited 0 success no file 11\n{"offer":1}', 'hello\n')).toEqual({
      exitCode: 0,
      output: { offer: 1 },
      tail: ['hello'],
    });
    expect(outcome('exited 64 exit-code no none 0\n', '::error no such domain\n')).toEqual({
      exitCode: 64,
      error: 'no such domain',
      tail: ['no such domain'],
    });
  });

  it.each([
    ['killed KILL signal no none 0\n', 137, 'it was killed by KILL'],
    ['dumped SEGV core-dump no none 0\n', 139, 'it was killed by SEGV'],
    ['killed KILL oom-kill no none 0\n', 137, 'the guest ran out of memory'],
    ['killed TERM oom-kill no none 0\n', 143, 'the guest ran out of memory'],
  ])('explains %j', (reply, exitCode, error) => {
    expect(outcome(reply)).toEqual({ exitCode, error, tail: [] });
  });

  it.each([
    ['not JSON', 'exited 0 success no file 3\n{{{', 'hook.output_invalid'],
    ['empty text as JSON is no output', 'exited 0 success no file 0\n', undefined],
    ['too large', 'exited 0 success no file 262145\n', 'hook.output_invalid'],
    ['not UTF-8', Buffer.from('exited 0 success no file 3\n"\xff"', 'latin1'), 'hook.output_invalid'],
    ['not a file', 'exited 0 success no odd 0\n', 'hook.output_invalid'],
    ['stopped by a reboot', 'killed TERM success no none 0\n', 'hook.interrupted'],
    ['lost in a reboot', 'none none interrupted no none 0\n', 'hook.interrupted'],
    ['cancelled', 'killed TERM success yes none 0\n', 'hook.cancelled'],
    ['out of time', 'killed TERM timeout no none 0\n', 'hook.timeout'],
  ])('judges an output that is %s', (_what, reply, code) => {
    let got: string | undefined;
    try {
      outcome(reply);
    } catch (error) {
      got = (error as { failure: { code: string } }).failure.code;
    }
    expect(got).toBe(code);
  });

  it('does not quote a secret from a broken output', () => {
    const redactor = new Redactor(['hunter2hunter2']);
    const reply = Buffer.from('exited 0 success no file 17\n"hunter2hunter2" x');
    expect(() => outcomeOf(reply, new HookLog(redactor), redactor, 'hook')).toThrow(/^(?!.*hunter2)/s);
  });
});
