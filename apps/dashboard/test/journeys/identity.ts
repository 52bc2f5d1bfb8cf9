import { trustingBrowser } from '../../../control-plane/test/e2e/trusting-browser.js';
import { type Day, PASSWORD } from '../day.js';

/** People of the site come in with the account they have there: the real identity module, bound by a plan like any other. */
export function identity(day: Day): void {
  it(
    'lets people sign in to the dashboard with their account of the site: one click, a plan, a role for a group',
    async () => {
      const base = `http://localhost:${day.demo.port}`;
      const secrets = (await day.demo.cli('stack', 'credentials', 'team')).json();
      const { address } = await day.guestOf('gateway');
      const browser = await trustingBrowser(await day.demo.caCertificate(), '*.demo.test', address);
      const visit = async () => (await browser.newContext({ locale: 'en-GB' })).newPage();
      try {
        const admin = await visit();
        await admin.goto(`${base}/settings/log-in`);
        await admin.getByRole('textbox', { name: /^Name/ }).fill('admin');
        await admin.getByLabel('Password').first().fill(PASSWORD);
        await admin.getByRole('button', { name: 'Sign in', exact: true }).click();
        await admin.getByText('Stack team on demo has an identity module.').waitFor();
        await admin.getByRole('button', { name: 'Use its identity' }).click();
        await admin.waitForURL('**/plans/**');
        await admin.getByRole('button', { name: 'Apply', exact: true }).click();
        await admin.waitForURL('**/runs/**');
        await day.runEnds('succeeded', 2, admin);
        await admin.goto(`${base}/settings/log-in`);
        await admin.getByRole('button', { name: 'Let people sign in with it' }).click();
        const form = admin.getByRole('dialog');
        await form.getByRole('button', { name: 'Add a group' }).click();
        await form.getByLabel('Group', { exact: true }).fill('admins');
        await form.getByRole('button', { name: 'Save' }).click();
        await admin.getByText('The provider knows the client.').waitFor();

        const person = await visit();
        await person.goto(`${base}/stacks`);
        await person.getByRole('link', { name: 'Sign in with demo account' }).click();
        await person.waitForURL('https://auth.demo.test/**');
        await person.fill('input[name=user]', 'admin');
        await person.fill('input[name=password]', secrets[0].value);
        await person.click('button[type=submit]');
        await person.getByRole('heading', { name: 'Stacks', exact: true }).waitFor();
        expect(new URL(person.url()).pathname).toBe('/stacks');
        const session = await person.evaluate(async () => (await fetch('/api/v1/session')).json());
        // Somebody else has that name here already: who comes from outside gets another one, and the group's role alone.
        expect(session.account.name).toMatch(/^admin-/);
        expect(session.account.roles).toEqual([{ role: 'viewer', site: null }]);
      } finally {
        await browser.close();
      }
      expect(await day.demo.cli('provider', 'remove', 'demo account')).toMatchObject({ code: 0 });
      expect(await day.demo.cli('stack', 'remove', 'dashboard-sign-in', '--yes')).toMatchObject({ code: 0 });
    },
    4 * 60_000,
  );
}
