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
});
