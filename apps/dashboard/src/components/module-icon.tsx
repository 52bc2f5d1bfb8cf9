import { IconBox } from '@tabler/icons-react';
import { baseUrl } from '../api/client.js';
import cards from './cards.module.css';

/**
 * A module's own picture, as an image and nothing else: scripts in it never run, and it reaches for nothing. Decorative,
 * the name stands beside it. Its digest in the address makes a new picture show at once.
 */
export function ModuleIcon({ name, icon, size = 32 }: { name: string; icon?: string | undefined; size?: number }) {
  if (!icon) return <IconBox size={size} stroke={1.3} aria-hidden className={cards['picture']} />;
  const src = `${baseUrl}/api/v1/catalogue/modules/${encodeURIComponent(name)}/icon?v=${icon.slice(0, 12)}`;
  return <img src={src} alt="" width={size} height={size} className={cards['picture']} />;
}
