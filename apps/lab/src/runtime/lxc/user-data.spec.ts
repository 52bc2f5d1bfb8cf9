import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { firstBootScript } from './user-data.js';

describe('cloud-init user-data', () => {
  it('writes files and runs commands in order, with quotes intact', () => {
    const folder = mkdtempSync(join(tmpdir(), 'user-data-'));
    try {
      const text = `#cloud-config\nwrite_files:\n  - path: ${folder}/a b.txt\n    content: "it's $HOME\\n"\n    permissions: '0640'\nruncmd:\n  - [sh, -c, "cat '${folder}/a b.txt' > ${folder}/copy"]\n  - echo done >> ${folder}/copy\n`;
      execFileSync('sh', ['-e', '-c', firstBootScript(text)]);
      expect(readFileSync(join(folder, 'copy'), 'utf8')).toBe("it's $HOME\ndone\n");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
  it('refuses keys it would have to ignore', () => {
    expect(() => firstBootScript('#cloud-config\ngrowpart: {}\nruncmd: []\n')).toThrow('growpart');
  });
  it('refuses anything else', () => {
    expect(() => firstBootScript('hello')).toThrow('neither');
  });
});
