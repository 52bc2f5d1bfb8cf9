import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Journal } from './journal.js';

describe('the journal', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bastide-journal-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const reopened = () => new Journal(folder);

  it('gives back what was put, without having been closed', () => {
    const journal = reopened();
    journal.put('guest', '100', { name: 'a' });
    journal.put('guest', '101', { name: 'b' });
    journal.delete('guest', '100');
    expect([...reopened().entries('guest')]).toEqual([['101', { name: 'b' }]]);
  });

  it('drops a last line that a kill cut short', () => {
    const journal = reopened();
    journal.put('guest', '100', { name: 'a' });
    appendFileSync(join(folder, 'journal.jsonl'), '{"c":"guest","k":"101","v":{"na');
    expect([...reopened().entries('guest')]).toEqual([['100', { name: 'a' }]]);
  });

  it('replays a journal that was already folded, to the same end', () => {
    const journal = reopened();
    journal.put('guest', '100', 1);
    journal.put('guest', '100', 2);
    const lines = readFileSync(join(folder, 'journal.jsonl'), 'utf8');
    reopened();
    writeFileSync(join(folder, 'journal.jsonl'), lines);
    expect(reopened().get('guest', '100')).toBe(2);
  });

  it('names file and line of what it cannot read', () => {
    writeFileSync(join(folder, 'state.jsonl'), 'nonsense\n{"c":"a","k":"b","v":1}\n');
    expect(reopened).toThrow(/state\.jsonl:1/);
  });

  it('opens whatever byte a kill cut it at, with every whole line and nothing else', () => {
    const journal = reopened();
    journal.put('guest', '100', { name: 'Käthe 💥' });
    journal.put('task', 'UPID:a:b', { log: ['one\ntwo'] });
    journal.delete('guest', '100');
    journal.put('guest', '101', 7);
    const file = join(folder, 'journal.jsonl');
    const bytes = readFileSync(file);
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      rmSync(join(folder, 'state.jsonl'));
      writeFileSync(file, bytes.subarray(0, cut));
      const whole = bytes.subarray(0, cut).toString('latin1').split('\n').length - 1;
      const opened = reopened();
      opened.put('after', 'x', whole);
      const again = reopened();
      expect([cut, again.get('after', 'x')]).toEqual([cut, whole]);
      expect([cut, again.get('guest', '100')]).toEqual([
        cut,
        whole === 1 || whole === 2 ? { name: 'Käthe 💥' } : undefined,
      ]);
      expect([cut, again.get('task', 'UPID:a:b')]).toEqual([cut, whole >= 2 ? { log: ['one\ntwo'] } : undefined]);
      expect([cut, again.get('guest', '101')]).toEqual([cut, whole === 4 ? 7 : undefined]);
    }
  });

  describe('on a full disk', () => {
    let room: number;
    /** Takes what there is room for, as file systems do, then refuses. */
    const write = (handle: number, bytes: Uint8Array) => {
      const taken = bytes.subarray(0, room);
      room -= taken.length;
      appendFileSync(handle, taken);
      if (taken.length < bytes.length) throw new Error('ENOSPC: no space left on device, write');
    };

    it('keeps what it has no room for, says so, tears no line, and writes it when there is room again', () => {
      room = 1e6;
      const journal = new Journal(folder, write);
      journal.put('guest', '100', 'before');
      room = 10;
      journal.put('guest', '100', 'while full');
      journal.put('guest', '101', 'new');
      journal.delete('guest', '101');
      expect(journal.get('guest', '100')).toBe('while full');
      expect(journal.behind).toContain('ENOSPC');
      expect(reopened().get('guest', '100')).toBe('before');
      const late = new Journal(folder, write);
      late.put('guest', '102', 'late');
      expect(late.behind).toContain('ENOSPC');
      room = 1e6;
      expect(late.behind).toBe(undefined);
      expect([...reopened().entries('guest')]).toEqual([
        ['100', 'before'],
        ['102', 'late'],
      ]);
    });

    it('opens without room for a snapshot, and loses nothing', () => {
      const journal = reopened();
      journal.put('guest', '100', 1);
      room = 5;
      new Journal(folder, write);
      expect(reopened().get('guest', '100')).toBe(1);
    });
  });
});
