import { type Day } from '../day.js';
import { press, tabTo, type } from '../keyboard.js';

/** Journey 7: the name typed, a plan of what goes, nothing left; by mouse and by keyboard alone. */
export function remove(day: Day): void {
  it(
    'puts a stack to rest by keyboard, where everything is kept, and wakes it by mouse',
    async () => {
      const before = await day.guestOf('memo', 'keys');
      const guest = `/nodes/${before.node}/lxc/${before.vmid}`;
      await day.page.goto(`${day.base}/stacks`);
      await day.main().getByRole('link', { name: /^keys/ }).first().click();
      await day.page.waitForURL('**/stacks/**');
      const stack = day.page.url();
      await day.page.goto(`${stack}/remove`);
      await day.page.getByLabel('Type keys to confirm').first().waitFor();
      await type(day.page, /^Type keys to confirm/, 'keys');
      await press(day.page, /^Plan to archive it$/);
      await day.page.waitForURL('**/plans/**');
      await day.main().getByText('is stopped and kept').first().waitFor();
      await press(day.page, /^Apply$/);
      await day.page.waitForURL('**/runs/**');
      await day.runEnds('succeeded', 3);
      expect((await day.demo.lab('GET', `${guest}/status/current`)).status).toBe('stopped');
      expect((await day.demo.lab('GET', `${guest}/config`)).onboot).toBe(0);
      // By a plan, so by nobody's hand.
      expect((await day.demo.cli('stack', 'drift', 'list', 'keys')).json()).toEqual([]);
      await day.page.goto(stack);
      await day.click(/Plan to wake it/);
      await day.applied('succeeded', 3);
      expect((await day.demo.lab('GET', `${guest}/status/current`)).status).toBe('running');
      expect(await day.guestOf('memo', 'keys')).toEqual(before);
      expect((await day.demo.cli('stack', 'check', 'keys')).code).toBe(0);
    },
    6 * 60_000,
  );

  it(
    'removes a stack by keyboard alone',
    async () => {
      const before = (await day.ourGuests()).length;
      await day.page.goto(`${day.base}/stacks`);
      await day.main().getByRole('link', { name: /^keys/ }).first().waitFor();
      await press(day.page, /^keys/);
      await day.page.waitForURL('**/stacks/**');
      await day.page.goto(`${day.page.url()}/remove`);
      await day.page.getByLabel('Type keys to confirm').first().waitFor();
      await tabTo(day.page, /^Plan to archive it$|^Type keys to confirm/);
      await day.page.keyboard.press('Tab');
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
      await day.page.getByLabel('Type team to confirm').last().fill('team');
      await plan.click();
      await day.applied('succeeded', 4);
      expect(await day.ourGuests()).toEqual([]);
    },
    5 * 60_000,
  );
}
