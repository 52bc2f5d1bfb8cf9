import { guestShellConformance } from '../../../test/conformance/guest-shell.js';
import { FakeGuestShell } from './fake-guest-shell.js';

guestShellConformance('FakeGuestShell', () => {
  const shell = new FakeGuestShell();
  return {
    shell,
    target: { guest: 'wiki', address: '10.90.2.12', port: 22, user: 'root', hostKeys: ['ssh-ed25519 AAAA'] },
    know: (hooks) => {
      for (const [name, { fake }] of Object.entries(hooks)) shell.hooks.set(name, fake);
    },
  };
});
