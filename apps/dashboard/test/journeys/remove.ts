import { type Day } from '../day.js';
import { press, type } from '../keyboard.js';

/** Journey 7: the name typed, a plan of what goes, nothing left; by mouse and by keyboard alone. */
export function remove(day: Day): void {
  it(
    'removes a stack by keyboard alone',
    async () => {
      const before = (await day.ourGuests()).length;
      await day.page.goto(`${day.base}/stacks`);
      await day.main().getByRole('link', { name: /^keys/ }).first().waitFor();
      await press(day.page, /^keys/);
      await day.page.waitForURL('**/stacks/**');
      await day.page.goto(`${day.page.url()}/remove`);
      await day.page.getByLabel('Type keys to confirm').waitFor();
      await type(day.page, /^Type keys to confirm/, 'keys');
      await press(day.page, /^Plan the removal$/);
      await day.page.waitForURL('**/plans/**');
      await day.main().getByRole('button', { name: 'Apply' }).waitFor();
      await press(day.page, /^Apply$/);
      await day.page.waitForURL('**/runs/**');
      await day.runEnds('succeeded', 4);
      expect((await day.ourGuests()).length).toBe(before - 1);
    },
    5 * 60_000,
  );

  it(
    'removes the stacks by mouse after their names were typed, and nothing is left',
    async () => {
      const memo = (await day.demo.cli('stack', 'remove', 'memo', '--yes')).code;
      expect(memo).toBe(0);
      await day.page.goto(`${day.team}/remove`);
      const plan = day.main().getByRole('button', { name: 'Plan the removal' });
      expect(await plan.isDisabled()).toBe(true);
      await day.page.getByLabel('Type team to confirm').fill('team');
      await plan.click();
      await day.applied('succeeded', 4);
      expect(await day.ourGuests()).toEqual([]);
    },
    5 * 60_000,
  );
}
