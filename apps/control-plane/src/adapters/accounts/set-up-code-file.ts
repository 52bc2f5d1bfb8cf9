import { rm } from 'node:fs/promises';
import type { SetUpCode } from '../../application/accounts/account-store.port.js';
import { tokenFromFile } from '../secrets/token-file.js';

/** `<state folder>/setup-code`, mode 0600; gone once the first admin exists. */
export class SetUpCodeFile implements SetUpCode {
  constructor(private readonly file: string) {}

  ensure(): Promise<string> {
    return tokenFromFile(this.file);
  }

  remove(): Promise<void> {
    return rm(this.file, { force: true });
  }
}
