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
      expect(await axeFindings(page())).toEqual([]);
      await plan.click();
      await page().waitForURL('**/plans/**');
      await main().getByRole('heading', { name: 'Plan: demo becomes village.example' }).waitFor();
      await main().getByText('wiki.demo.test → wiki.village.example').first().waitFor();
      expect(await axeFindings(page())).toEqual([]);
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
