import fc from 'fast-check';
import { HookLog, plainText } from './hook-log.js';
import { REDACTED, Redactor } from './redactor.js';

const plain = () => new HookLog(new Redactor([]));
const texts = (log: HookLog) => log.take().lines.map((line) => `${line.stream}: ${line.text}`);

describe('HookLog', () => {
  it('tells progress, notices, errors and log apart', () => {
    const log = plain();
    log.push('stdout', Buffer.from('hello\n::progress 40 Creating tables\n::notice look\n::error bad input\n'), 1);
    log.push('stderr', Buffer.from('warn\n::error not from here\n'), 2);
    expect(log.take()).toEqual({
      lines: [
        { at: 1, stream: 'stdout', text: 'hello' },
        { at: 1, stream: 'note', text: 'look' },
        { at: 1, stream: 'stderr', text: 'bad input' },
        { at: 2, stream: 'stderr', text: 'warn' },
        { at: 2, stream: 'stderr', text: '::error not from here' },
      ],
      progress: { percent: 40, text: 'Creating tables' },
    });
    expect(log.error).toBe('bad input');
  });

  it('keeps progress between 0 and 100 and shows nonsense as a line', () => {
    const log = plain();
    log.push('stdout', Buffer.from('::progress 999 far\n'), 1);
    expect(log.take().progress).toEqual({ percent: 100, text: 'far' });
    log.push('stdout', Buffer.from('::progress soon\n::progress -5 x\n'), 1);
    expect(log.take()).toEqual({
      lines: [
        { at: 1, stream: 'stdout', text: '::progress soon' },
        { at: 1, stream: 'stdout', text: '::progress -5 x' },
      ],
    });
  });

  it('gives the same lines however the bytes are cut, and no secret at any cut', () => {
    const secret = 'sécret-välue-0123456789';
    const text = `a ${secret} b\n::notice ${Buffer.from(secret).toString('base64')}\nünfinished ${secret}`;
    const bytes = Buffer.from(text);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 8 }), (cuts) => {
        const log = new HookLog(new Redactor([secret]));
        const at = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        for (let i = 1; i < at.length; i++) log.push('stdout', bytes.subarray(at[i - 1], at[i]), 1);
        log.end(1);
        expect(texts(log)).toEqual([`stdout: a ${REDACTED} b`, `note: ${REDACTED}`, `stdout: ünfinished ${REDACTED}`]);
      }),
    );
  });

  it('cuts a line without end once, in bounded memory, and hides a secret that lies across the cut', () => {
    const log = new HookLog(new Redactor(['0123456789abcdef']));
    const across = `${'x'.repeat(8 * 1024 - 6)}0123456789abcdef`;
    log.push('stdout', Buffer.from(across), 1);
    for (let i = 0; i < 100; i++) log.push('stdout', Buffer.alloc(100_000, 'y'), 1);
    log.push('stdout', Buffer.from('\nnext\n'), 1);
    const lines = texts(log);
    expect(lines).toHaveLength(2);
    expect(lines[0]!.length).toBeLessThan(8 * 1024 + 100);
    expect(lines[0]).not.toContain('0123');
    expect(lines[1]).toBe('stdout: next');
  });

  it('stops passing lines on when a hook says too much, says so once, and still hears the last error', () => {
    const log = plain();
    for (let i = 0; i < 300; i++) log.push('stdout', Buffer.from('spam\n'.repeat(100)), 1);
    log.push('stdout', Buffer.from('::error the reason\n'), 1);
    const { lines } = log.take();
    expect(lines).toHaveLength(20_000);
    expect(lines.at(-1)?.text).toMatch(/too much/);
    expect(log.error).toBe('the reason');
    expect(log.tail.at(-1)).toBe('the reason');
    expect(log.tail).toHaveLength(40);
  });

  it('does not repeat what an earlier follower has passed on, but knows its last words', () => {
    const said = '::error early\nold\n';
    const log = new HookLog(new Redactor([]), { stdout: said.length, stderr: 0 });
    log.push('stdout', Buffer.from(`${said}new\n`), 1);
    expect(texts(log)).toEqual(['stdout: new']);
    expect(log.error).toBe('early');
    expect(log.tail).toEqual(['early', 'old', 'new']);
    expect(log.consumed('stdout')).toBe(said.length + 4);
  });
});

describe('plainText', () => {
  it.each([
    ['colours', '\u001b[1;31mred\u001b[0m', 'red'],
    ['a window title', '\u001b]0;evil\u0007text', 'text'],
    ['a link', '\u001b]8;;http://x\u001b\\text\u001b]8;;\u001b\\', 'text'],
    ['8-bit CSI', '\u009b31mred', 'red'],
    ['a reset', '\u001bctext', 'text'],
    ['a progress bar', '10%\r50%\r100%\r', '100%'],
    ['bells, backspaces and NUL', 'a\u0007b\u0008c\u0000d', 'abcd'],
    ['reversed text', 'a\u202eb', 'ab'],
    ['a tab and umlauts stay', '\tüñ€😀', '\tüñ€😀'],
    ['an escape at the end', 'text\u001b', 'text'],
  ])('cleans %s', (_what, raw, clean) => {
    expect(plainText(raw)).toBe(clean);
  });

  it('leaves no control character of any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (raw) => {
        expect(plainText(raw)).not.toMatch(/(?!\t)\p{Cc}/u);
      }),
    );
  });
});
