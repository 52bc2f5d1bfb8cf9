import { type Day } from '../day.js';
import { press, tabTo } from '../keyboard.js';

/** What somebody changed by hand, past the control plane: shown field by field, each with its answers. */
export function drift(day: Day): void {
  it(
    'a change by hand is adopted, put back, or ignored with a reason until it changes again',
    async () => {
      const { node, vmid, memoryMiB, cpus } = await day.guestOf('memo', 'memo');
      const byHand = (form: Record<string, string>) => day.demo.lab('PUT', `/nodes/${node}/lxc/${vmid}/config`, form);
      const settings = () => day.demo.lab('GET', `/nodes/${node}/lxc/${vmid}/config`);
      await byHand({ memory: String(memoryMiB + 64), cores: String(cpus + 1), onboot: '0' });
      await day.page.goto(`${day.base}/stacks`);
      await day.main().getByRole('link', { name: /^memo/ }).first().click();
      await day.page.waitForURL('**/stacks/**');
      const guests = `${day.page.url()}/guests`;
      await day.page.goto(guests);
      const open = day.main().locator('[data-drift]');
      await open.getByText(`memory (MiB) is ${memoryMiB + 64}; ${memoryMiB} is recorded`).waitFor();
      // What cannot be answered says why.
      await open.getByText('start with the node is off').waitFor();
      expect(await open.getByRole('button', { name: 'Put back memo.app.startsAtBoot' }).isDisabled()).toBe(true);
      await open.getByText('Put it back where it was changed').waitFor();

      await open.getByRole('button', { name: 'Adopt memo.app.cpus' }).click();
      await open.getByText('processors is').waitFor({ state: 'detached' });
      expect((await day.guestOf('memo', 'memo')).cpus).toBe(cpus + 1);

      await press(day.page, /^Ignore, because … memo\.app\.startsAtBoot$/);
      await day.page.waitForFunction(() => document.activeElement?.closest('[role=dialog]'));
      await tabTo(day.page, /^Because/);
      await day.page.keyboard.type('Moved to the high availability group');
      await press(day.page, /^Ignore it$/);
      const ignored = day.main().locator('[data-drift-ignored]');
      await ignored.getByText(/Moved to the high availability group.*admin/).waitFor();

      // A plan for another reason says what it overwrites.
      const plan = (await day.demo.cli('plan', 'memo', '--resize', `memo.app.memory=${memoryMiB + 128}`)).json();
      expect(plan.findings.map((finding: { code: string }) => finding.code)).toContain('drift.guest_resized');

      await open.getByRole('button', { name: 'Put back memo.app.memoryMiB' }).click();
      await day.applied('succeeded', 3);
      expect((await settings()).memory).toBe(memoryMiB);

      await day.page.goto(guests);
      await ignored.getByRole('button', { name: 'Do not ignore any more memo.app.startsAtBoot' }).click();
      await open.getByText('start with the node is off').waitFor();
      await byHand({ onboot: '1' });
      await day.page.reload();
      await day.main().locator('[data-guests]').waitFor();
      await day.page.waitForFunction(() => !document.querySelector('[data-drift]'));
    },
    5 * 60_000,
  );

  it('a terminal can the same', async () => {
    const { node, vmid, cpus } = await day.guestOf('memo', 'memo');
    const byHand = (cores: number) =>
      day.demo.lab('PUT', `/nodes/${node}/lxc/${vmid}/config`, { cores: String(cores) });
    await byHand(cpus + 1);
    const list = await day.demo.cli('stack', 'drift', 'list', 'memo');
    expect({ code: list.code, found: list.json() }).toMatchObject({
      code: 4,
      found: [{ guest: 'memo.app', field: 'cpus', recorded: cpus, observed: cpus + 1 }],
    });
    const ignore = await day.demo.cli('stack', 'drift', 'ignore', 'memo', 'memo.app.cpus', '--because', 'Load test');
    expect(ignore.code).toBe(0);
    expect((await day.demo.cli('stack', 'drift', 'list', 'memo')).code).toBe(0);
    // It changes again, so it comes back.
    await byHand(cpus + 2);
    expect((await day.demo.cli('stack', 'drift', 'list', 'memo')).code).toBe(4);
    const back = await day.demo.cli('stack', 'drift', 'restore', 'memo', 'memo.app.cpus', '--yes');
    expect({ code: back.code, tail: back.code === 0 ? '' : back.text.slice(-1500) }).toEqual({ code: 0, tail: '' });
    expect((await day.demo.cli('stack', 'drift', 'list', 'memo')).json()).toEqual([]);
    expect((await day.demo.cli('audit', 'list')).text).toContain('drift.ignored');
  }, 180_000);
}
