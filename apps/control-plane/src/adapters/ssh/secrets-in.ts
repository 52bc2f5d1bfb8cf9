/** Names under which secret values lie in a hook's input, besides the `secrets` maps. */
const SECRET_NAMES = /^(privateKey|kubeconfig|.*(password|secret|token|passphrase))$/i;

/**
 * The secret values of a hook's input, found by their places: a net under the list that the caller gives, so that a
 * value that was forgotten there still does not reach a log.
 */
export function secretsIn(input: unknown): string[] {
  const found: string[] = [];
  const walk = (value: unknown, secret: boolean): void => {
    if (typeof value === 'string') {
      if (secret) found.push(value);
    } else if (Array.isArray(value)) {
      for (const one of value) walk(one, secret);
    } else if (value !== null && typeof value === 'object') {
      for (const [name, one] of Object.entries(value))
        walk(one, secret || name === 'secrets' || SECRET_NAMES.test(name));
    }
  };
  walk(input, false);
  return found;
}
