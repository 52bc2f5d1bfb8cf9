import type { ModuleManifest } from '../module/manifest.js';
import type { RecordedInstance } from './stack.js';

/**
 * The module as people see it: the one the instance was made of or, where the catalogue has gone on since, the newest of
 * that name. An app keeps its links, and its admin the first password, also after the control plane was renewed. Nothing
 * may be run on a guest by this: that takes the very files it was made with.
 */
export const shownModule = (
  instance: Pick<RecordedInstance, 'module' | 'moduleDigest'>,
  modules: readonly ModuleManifest[],
): ModuleManifest | undefined =>
  modules.find(({ name, digest }) => name === instance.module && digest === instance.moduleDigest) ??
  modules.findLast(({ name }) => name === instance.module);
