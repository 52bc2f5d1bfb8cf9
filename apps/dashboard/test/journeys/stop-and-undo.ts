import { type Day, PASSWORD } from '../day.js';
import { press, tabTo, type } from '../keyboard.js';

/** A run stopped in the middle and taken back, by keyboard alone. */
export function stopAndUndo(day: Day): void {
  it(
    'is used by keyboard alone: sign in, plan, apply, stop, take back',
    async () => {
      const keys = await day.browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-GB' });
      const person = await keys.newPage();
      await person.goto(`${day.base}/catalogue`);
      await person.getByRole('button', { name: 'Sign in', exact: true }).waitFor();
      await type(person, /^Name/, 'admin');
      await type(person, /^Password/, PASSWORD);
      await person.keyboard.press('Enter');
      await person.getByRole('heading', { name: 'Catalogue' }).waitFor();
      await tabTo(person, /Skip to the content/);
      await person.keyboard.press('Enter');
      await press(person, /^Team/);
      await person.waitForURL('**/blueprints/team');
      await person.getByRole('link', { name: 'Install' }).waitFor();
      await press(person, /^Install$/);
      await person.getByLabel('Name of the wiki').waitFor();
      await type(person, /^Name of the wiki/, 'By keyboard');
      // A choice opens and closes without a mouse too.
      await tabTo(person, /^Site/);
      await person.keyboard.press('Enter');
      await person.getByRole('option', { name: 'demo' }).waitFor();
      await person.keyboard.press('Escape');
      await press(person, /^Make the plan$/);
      await person.waitForURL('**/plans/**');
      await person.getByRole('button', { name: 'Apply' }).waitFor();
      await press(person, /^Apply$/);
      await person.waitForURL('**/runs/**');
      await person
        .getByText(/% done/)
        .first()
        .waitFor();
      await press(person, /^Stop the run$/);
      await person.waitForFunction(() => document.activeElement?.closest('[role=dialog]'));
      await tabTo(person, /^Stop the run$/);
      await person.keyboard.press('Enter');
      await person.getByText('the run was stopped').first().waitFor({ timeout: 90_000 });
      await press(person, /^Take everything back$/);
      await person.waitForFunction(() => document.activeElement?.closest('[role=dialog]'));
      await press(person, /^Take everything back$/);
      await person.getByRole('heading', { name: /^Remove/ }).waitFor();
      await person
        .getByText(/^\d+ of \d+ steps done in/)
        .first()
        .waitFor({ timeout: 180_000 });
      expect(
        (await day.demo.lab('GET', '/cluster/resources?type=vm')).filter(
          (guest: { vmid: number }) => guest.vmid >= 1000,
        ),
      ).toEqual([]);
      await keys.close();
    },
    8 * 60_000,
  );
}
