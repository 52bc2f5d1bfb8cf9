import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Day, PASSWORD } from '../day.js';

/** The first visit: an admin, a site with one click, and a cluster step by step. */
export function firstRun(day: Day): void {
  it('greets the first visitor, who becomes the admin', async () => {
    const setUp = /http:\/\/\S+#setup=\S+/.exec(day.demo.output)?.[0] ?? '';
    expect(setUp).not.toBe('');
    await day.page.goto(setUp);
    await day.page.getByLabel('Your name').fill('Ada Admin');
    // The code stays neither in the address bar nor in the history.
    expect(day.page.url()).not.toContain('setup=');
    await day.page.getByLabel('Password', { exact: false }).first().fill('short');
    await day.page.getByLabel('Password once more').fill('short');
    await day.page.getByRole('button', { name: 'Create the account' }).click();
    await day.page.getByText('At least 12 characters').first().waitFor();
    await day.page.getByLabel('Password', { exact: false }).first().fill(PASSWORD);
    await day.page.getByLabel('Password once more').fill(PASSWORD);
    await day.page.getByRole('button', { name: 'Create the account' }).click();
    await day.page.getByRole('heading', { name: 'Connect your first site' }).waitFor();
  }, 60_000);

  it('connects the lab with one click', async () => {
    await day.page.getByRole('link', { name: 'Connect a site' }).click();
    await day.click(/Connect the lab/);
    await day.page.waitForURL('**/sites/demo');
    await day.click(/Examine/);
    await day.main().locator('[data-doctor]').waitFor();
    expect(await day.main().locator('[data-doctor]').getByText('error', { exact: true }).count()).toBe(0);
  }, 60_000);

  it('connects a cluster step by step: certificate, token, proposed document, doctor', async () => {
    const access = JSON.parse(readFileSync(join(day.demo.state, 'lab/access.json'), 'utf8')) as {
      url: string;
      token: string;
    };
    await day.page.goto(`${day.base}/sites/connect`);
    await day.page.getByLabel('Address of a node').fill('https://127.0.0.1:1');
    await day.click(/Look at its certificate/);
    await day.main().getByRole('alert').first().waitFor();
    await day.page.getByLabel('Address of a node').fill(access.url);
    await day.click(/Look at its certificate/);
    await day
      .main()
      .getByText(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/)
      .waitFor();
    await day.click(/They are the same/);
    await day.page.getByLabel('API token').first().fill('bastide@pve!control=wrong');
    await day.page.getByLabel('Name of the site').fill('town');
    await day.page.getByLabel('Domain').fill('town.example');
    await day.page.getByLabel('Country').fill('FR');
    await day.page.getByLabel('E-mail of the administrator').fill('it@town.example');
    await day.click(/Propose a site/);
    await day.main().getByRole('alert').first().waitFor();
    await day.page.getByLabel('API token').first().fill(access.token);
    await day.click(/Propose a site/);
    const proposed = day.page.getByLabel('Site document').first();
    await proposed.waitFor();
    expect(await proposed.inputValue()).toContain('name: town');
    expect(await proposed.inputValue()).not.toContain(access.token.split('=')[1]);
    await day.main().getByRole('button', { name: 'Connect', exact: true }).first().click();
    await day
      .main()
      .getByRole('heading', { name: /What the doctor found/ })
      .waitFor({ timeout: 30_000 });
  }, 90_000);
}
