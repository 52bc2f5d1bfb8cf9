import { type Day } from '../day.js';
import { press, type } from '../keyboard.js';

/** Journey 3: pick a blueprint, answer, read the plan, apply, watch, get the links; by mouse and by keyboard alone. */
export function install(day: Day): void {
  it(
    'installs by mouse: questions that are looked at while one types, a plan by what it touches, a run seen from two devices',
    async () => {
      await day.page.goto(`${day.base}/catalogue/blueprints/team/install`);
      await day.page.getByLabel('E-mail of the administrator').fill('no address');
      const make = day.main().getByRole('button', { name: /Make the plan/ });
      expect(await make.isDisabled()).toBe(true);
      await day.page.getByLabel('E-mail of the administrator').fill('mayor@elsewhere.example');
      await day.main().getByText('This address is outside demo.test').waitFor();
      // The name of another stack would change that one.
      await day.main().getByText('Site demo has a stack of this name already').waitFor();
      expect(await make.isDisabled()).toBe(true);

      await day.page.goto(`${day.base}/catalogue`);
      await day.main().getByRole('link', { name: /Memo/ }).first().click();
      await day.main().getByRole('link', { name: 'Install' }).click();
      await day.page.getByLabel('Title of the memo').fill('By mouse');
      await day.page.getByLabel('Site', { exact: true }).first().click();
      await day.page.getByRole('option', { name: 'demo' }).click();
      await day
        .main()
        .locator('[data-room]')
        .getByText(/needed, .* free/)
        .first()
        .waitFor();
      await day.click(/Make the plan/);
      await day.page.waitForURL('**/plans/**');
      await day.main().locator('[data-touched-kinds]').getByText('Guests: 1').waitFor();
      await day.main().getByText('memo-memo (lab/').first().waitFor();
      await day.click(/^Apply$/);
      await day.page.waitForURL('**/runs/**');
      const run = day.page.url();
      const other = await day.context.newPage();
      await other.goto(run);
      await other.locator('main h1').first().waitFor();
      await other.reload();
      await day.runEnds('succeeded', 4);
      await day.runEnds('succeeded', 1, other);
      await other.close();
      await day.main().getByRole('link', { name: 'to the stack' }).click();
      await day.page.waitForURL('**/stacks/**');
      await day.click(/Show the first passwords/);
      await day.main().locator('[data-credentials] code').first().waitFor();
      await day.main().getByRole('link', { name: /^Open/ }).first().waitFor();
    },
    6 * 60_000,
  );

  it(
    'installs by keyboard alone',
    async () => {
      await day.page.goto(`${day.base}/catalogue`);
      await day.main().getByRole('link', { name: /Memo/ }).first().waitFor();
      await press(day.page, /^Memo/);
      await day.page.waitForURL('**/blueprints/memo');
      await day.main().getByRole('link', { name: 'Install' }).waitFor();
      await press(day.page, /^Install$/);
      await day.page.getByLabel('Title of the memo').waitFor();
      await type(day.page, /^Title of the memo/, 'By keyboard');
      await type(day.page, /^Name of the stack/, 'keys');
      await press(day.page, /^Make the plan$/);
      await day.page.waitForURL('**/plans/**');
      await day.main().getByRole('button', { name: 'Apply' }).waitFor();
      await press(day.page, /^Apply$/);
      await day.page.waitForURL('**/runs/**');
      await day.runEnds('succeeded', 4);
      await press(day.page, /^to the stack$/);
      await day.page.waitForURL('**/stacks/**');
      await day.main().getByRole('button', { name: 'Show the first passwords' }).waitFor();
      await press(day.page, /^Show the first passwords$/);
      await day.main().locator('[data-credentials] code').first().waitFor();
    },
    6 * 60_000,
  );

  it('says what has changed when a plan is stale, and plans again on the spot', async () => {
    await day.page.goto(`${day.base}/stacks`);
    await day.main().getByRole('link', { name: /keys/ }).first().click();
    await day.page.getByRole('tab', { name: 'Configuration' }).click();
    await day.page.getByLabel('Title of the memo').first().fill('Stale');
    await day.click(/Plan the change/);
    await day.page.waitForURL('**/plans/**');
    const first = day.page.url();
    expect((await day.demo.cli('install', 'keys', '--set', 'title=Elsewhere', '--yes')).code).toBe(0);
    await day.click(/^Apply$/);
    await day.main().getByText('The plan no longer fits').waitFor();
    await day.main().getByText('instance keys/memo').first().waitFor();
    await day.click(/^Plan again$/);
    await day.page.waitForFunction((before) => location.href !== before, first);
    await day.applied('succeeded', 3);
  }, 240_000);
}
