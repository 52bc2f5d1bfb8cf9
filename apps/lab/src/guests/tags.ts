/** Tags as Proxmox keeps them: lower case, sorted, each once, joined by `;`. */
import { splitList } from '../schema/formats.js';

export const normalizeTags = (text: string) => [...new Set(splitList(text.toLowerCase()))].sort().join(';');
