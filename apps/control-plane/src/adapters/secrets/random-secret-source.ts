import { randomInt } from 'node:crypto';
import type { SecretSource } from '../../application/secrets/secret-store.port.js';

const ALPHABETS = {
  alphanumeric: 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789',
  hex: '0123456789abcdef',
  base64url: 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_',
} as const;

/** Characters drawn one by one from the system's generator; randomInt is uniform over any range. */
export class RandomSecretSource implements SecretSource {
  generate(policy: { length: number; alphabet: keyof typeof ALPHABETS }): string {
    const { length, alphabet } = policy;
    if (!Number.isInteger(length) || length < 1 || length > 4096)
      throw new RangeError(`a secret has 1 to 4096 characters, not ${length}`);
    const characters = ALPHABETS[alphabet];
    return Array.from({ length }, () => characters[randomInt(characters.length)]).join('');
  }
}
