import type { Page } from 'playwright-core';
import { Person } from '../../../control-plane/test/e2e/person.js';
import { axeFindings } from '../axe.js';
import type { Day } from '../day.js';
import { press, type } from '../keyboard.js';

const FROM = 'demo.test';

/**
 * The site `demo` with the stack `team` gets another domain by mouse, and its first one back by keyboard alone: afterwards
 * everything is as it was before.
 */
export function domain(day: Day): void {
  const { main, demo } = day;
  const page = () => day.page;
  const signedIn = async (name: string): Promise<string> => {
    const { instances } = (await demo.cli('stack', 'show', 'team')).json();
    const gateway = instances.find((entry: { name: string }) => entry.name === 'gateway').guests[0].address;
    const password = (await demo.cli('stack', 'credentials', 'team')).json()[0].value;
    const person = new Person(gateway, await demo.caCertificate());
    return (await person.signIn(`https://wiki.${name}/`, 'admin', password)).url;
  };

  it(
    'gives the site another domain by mouse: a name that is looked at while it is typed, a plan name by name, a run, new links',
    async () => {
      await page().goto(`${day.base}/sites/demo`);
      const name = page().getByLabel('New domain');
      const plan = main().getByRole('button', { name: 'Plan the change of the domain' });
      await name.fill('town');
      await main()
        .getByText(/two or more labels/)
        .waitFor();
      await name.fill(FROM);
      await main()
        .getByText(/has the domain demo\.test already/)
        .waitFor();
      expect(await plan.isDisabled()).toBe(true);
      await name.fill('village.example');
      await main()
        .getByText(/names: .*team/)
        .waitFor();
      await main().getByText('admin@village.example').first().waitFor();
      expect(await page().getByLabel('Rewrite these values too').isChecked()).toBe(true);
      const filled = async (seen: Page) => {
        await seen.getByLabel('New domain').fill('village.example');
        await seen.getByText('admin@village.example').first().waitFor();
      };
      expect(await violations(page(), '/sites/demo', filled)).toEqual([]);
      await plan.click();
      await page().waitForURL('**/plans/**');
      await main().getByRole('heading', { name: 'Plan: demo becomes village.example' }).waitFor();
      await main().getByText('wiki.demo.test → wiki.village.example').first().waitFor();
      expect(await violations(page(), page().url())).toEqual([]);
      await main().getByRole('button', { name: 'Apply' }).click();
      await page().waitForURL('**/runs/**');
      await day.runEnds('succeeded', 5);
      await page().goto(day.team);
      await main().getByRole('link', { name: /Wiki/ }).first().waitFor();
      const link = await main().getByRole('link', { name: /Wiki/ }).first().getAttribute('href');
      expect(link).toBe('https://wiki.village.example');
      expect(await signedIn('village.example')).toContain('https://wiki.village.example/');
    },
    7 * 60_000,
  );

  it(
    'gives it back by keyboard alone',
    async () => {
      await page().goto(`${day.base}/sites/demo`);
      await page().getByLabel('New domain').waitFor();
      await type(page(), /^New domain/, FROM);
      await main()
        .getByText(/names: .*team/)
        .waitFor();
      await press(page(), /^Plan the change of the domain$/);
      await page().waitForURL('**/plans/**');
      await main().getByRole('button', { name: 'Apply' }).waitFor();
      await press(page(), /^Apply$/);
      await page().waitForURL('**/runs/**');
      await day.runEnds('succeeded', 5);
      expect(await signedIn(FROM)).toContain(`https://wiki.${FROM}/`);
      expect((await demo.cli('plan', 'team')).json().steps).toEqual([]);
    },
    7 * 60_000,
  );
}

/** What axe finds there, in a context of its own that lets it be injected: the journey's keeps its strict policy. */
async function violations(
  page: Page,
  path: string,
  prepare: (seen: Page) => Promise<unknown> = async () => undefined,
): Promise<readonly string[]> {
  const storageState = await page.context().storageState();
  const own = await page
    .context()
    .browser()!
    .newContext({ storageState, bypassCSP: true, reducedMotion: 'reduce', locale: 'en-GB' });
  try {
    const seen = await own.newPage();
    await seen.goto(new URL(path, page.url()).href);
    await seen.locator('main h1').first().waitFor();
    await prepare(seen);
    return await axeFindings(seen);
  } finally {
    await own.close();
  }
}
