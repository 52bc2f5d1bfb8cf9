import { type Day } from '../day.js';
import { press, type } from '../keyboard.js';

/** Journey 6: configuration, size, node and secrets, each a plan first; by mouse and by keyboard alone. */
export function change(day: Day): void {
  const firstPassword = async (): Promise<string> =>
    (await day.demo.cli('stack', 'credentials', 'team')).json()[0].value;

  it(
    'changes the configuration: a field, a plan of what it touches, a run',
    async () => {
      await day.page.goto(`${day.team}/configuration`);
      await day.page.getByLabel('Name of the wiki').first().fill('Town wiki');
      await day.click(/Plan the change/);
      await day.page.waitForURL('**/plans/**');
      await day.click(/^Apply$/);
      await day.page.waitForURL('**/runs/**');
      await day.runEnds('succeeded', 4);
    },
    5 * 60_000,
  );

  it(
    'gives a guest more room and another node, and makes a secret anew: each a plan first',
    async () => {
      await day.page.goto(`${day.team}/guests`);
      const before = await day.guestOf('wiki');
      const other = before.node === 'lab1' ? 'lab2' : 'lab1';
      await day.main().getByRole('button', { name: 'Change wiki.app' }).click();
      const dialog = day.page.getByRole('dialog');
      await dialog.getByLabel('Memory (MiB)').fill(String(before.memoryMiB + 128));
      await dialog.getByLabel('Root disk (GiB)').fill(String(before.rootGiB + 1));
      await dialog.getByLabel('Node').first().click();
      await day.page.getByRole('option', { name: other }).click();
      await dialog.getByRole('button', { name: 'Plan the change' }).click();
      await day.page.waitForURL('**/plans/**');
      await day.main().getByText(`moves from ${before.node} to ${other}`).first().waitFor();
      await day.click(/^Apply$/);
      await day.page.waitForURL('**/runs/**');
      await day.runEnds('succeeded', 4);
      expect(await day.guestOf('wiki')).toMatchObject({
        node: other,
        memoryMiB: before.memoryMiB + 128,
        rootGiB: before.rootGiB + 1,
      });
      const config = await day.demo.lab('GET', `/nodes/${other}/lxc/${before.vmid}/config`);
      expect(config.memory).toBe(before.memoryMiB + 128);

      const password = await firstPassword();
      await day.page.goto(`${day.team}/secrets`);
      await day.main().getByRole('button', { name: 'Make anew directory adminPassword' }).click();
      await day.page.waitForURL('**/plans/**');
      await day.main().getByText('directory adminPassword').first().waitFor();
      await day.click(/^Apply$/);
      await day.page.waitForURL('**/runs/**');
      // The directory's own check signs in as the admin: the run ends well only with the new password in force.
      await day.runEnds('succeeded', 4);
      expect(await firstPassword()).not.toBe(password);
    },
    8 * 60_000,
  );

  it(
    'does the same by keyboard alone',
    async () => {
      await day.page.goto(`${day.team}/guests`);
      const before = await day.guestOf('wiki');
      await day.main().getByRole('button', { name: 'Change wiki.app' }).waitFor();
      await press(day.page, /^Change wiki\.app$/);
      await day.page.waitForFunction(() => document.activeElement?.closest('[role=dialog]'));
      await type(day.page, /^Memory/, String(before.memoryMiB - 128));
      await press(day.page, /^Plan the change$/);
      await day.page.waitForURL('**/plans/**');
      await day.main().getByRole('button', { name: 'Apply' }).waitFor();
      await press(day.page, /^Apply$/);
      await day.page.waitForURL('**/runs/**');
      await day.runEnds('succeeded', 4);
      expect((await day.guestOf('wiki')).memoryMiB).toBe(before.memoryMiB - 128);
      await day.page.goto(`${day.team}/secrets`);
      await day.main().getByRole('button', { name: 'Make anew wiki directory' }).waitFor();
      await press(day.page, /^Make anew wiki directory$/);
      await day.page.waitForURL('**/plans/**');
      await day.main().getByRole('button', { name: 'Apply' }).waitFor();
      await press(day.page, /^Apply$/);
      await day.page.waitForURL('**/runs/**');
      await day.runEnds('succeeded', 4);
    },
    8 * 60_000,
  );
}
