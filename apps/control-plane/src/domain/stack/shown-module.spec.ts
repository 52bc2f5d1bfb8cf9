import type { ModuleManifest } from '../module/manifest.js';
import { shownModule } from './shown-module.js';

describe('what people see of an app', () => {
  const module = (name: string, version: string, digest: string) =>
    ({ name, version, digest }) as unknown as ModuleManifest;
  const catalogue = [module('wiki', '1.0.0', 'a'), module('wiki', '1.1.0', 'b'), module('mail', '2.0.0', 'c')];
  const shown = (name: string, digest: string) =>
    shownModule({ module: name, moduleDigest: digest as ModuleManifest['digest'] }, catalogue)?.version;

  it('is what the module says that it was made of', () => {
    expect(shown('wiki', 'a')).toBe('1.0.0');
  });

  it('is what the newest of that name says, where that one is no longer in the catalogue', () => {
    expect(shown('wiki', 'gone')).toBe('1.1.0');
    expect(shown('wiki', 'c')).toBe('1.1.0');
  });

  it('is nothing where nobody of that name is there any more', () => {
    expect(shown('chat', 'a')).toBeUndefined();
  });
});
