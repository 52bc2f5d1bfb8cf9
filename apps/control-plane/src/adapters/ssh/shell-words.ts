/** One word for a POSIX shell: nothing in it is special any more. NUL cannot travel in a command line at all. */
export function shellWord(text: string): string {
  if (text.includes('\0')) throw new TypeError('a command line cannot contain a NUL character');
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** sshd hands one string to the login shell of the user; this is the string that arrives there as exactly these words. */
export function shellCommand(words: readonly string[]): string {
  return words.map(shellWord).join(' ');
}
