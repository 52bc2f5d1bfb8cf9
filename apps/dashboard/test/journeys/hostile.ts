import type { Day } from '../day.js';
import { HOSTILE_TITLE, SCRIPT } from '../hostile-catalogue.js';

/** Texts that mean harm, everywhere others may write one: shown as what they are, and nothing more. */
export function hostile(day: Day): void {
  it('names, pictures and log lines of others are harmless wherever they are shown', async () => {
    const evil = `Eva ${SCRIPT}<img src=x onerror=globalThis.broken=true>\u202e`;
    await day.demo.cli('account', 'create', 'evil', '--person', evil, '--role', 'viewer', '--site', 'demo');
    await day.demo.cli('token', 'create', evil, '--role', 'viewer', '--days', '1');
    // Who is refused stands in the audit too.
    await fetch(`${day.base}/api/v1/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'user-agent': SCRIPT },
      body: JSON.stringify({ name: evil, password: 'no password at all' }),
    });
    const stacks: { id: string; name: string; latestRun: { id: string } }[] = (
      await day.demo.cli('stack', 'list')
    ).json();
    const memo = stacks.find(({ name }) => name === 'memo')!;
    const run = (await day.demo.cli('run', 'list'))
      .json()
      .findLast((one: { stackName: string }) => one.stackName === 'memo');
    const seen: string[] = [];
    for (const path of [
      '/',
      '/catalogue',
      '/catalogue/modules/memo',
      '/catalogue/blueprints/memo',
      '/catalogue/blueprints/memo/install',
      '/stacks',
      `/stacks/${memo.id}`,
      `/stacks/${memo.id}/configuration`,
      '/runs',
      `/runs/${run.id}`,
      '/audit',
      '/settings/people',
      '/settings/tokens',
    ]) {
      await day.page.goto(day.base + path);
      await day.main().locator('h1').first().waitFor();
      await day.page.waitForFunction(() => !document.querySelector('main [data-on-its-way]'));
      const state = await day.page.evaluate(() => ({
        broken: 'broken' in globalThis,
        elements: document.querySelectorAll('main script, main img[src="x"]').length,
        // A mark of direction that is not shown as what it is turns what stands around it.
        turned: /[\u202a-\u202e\u2066-\u2069]/.test(document.querySelector('main')?.textContent ?? ''),
        wide: document.documentElement.scrollWidth > innerWidth,
        text: document.querySelector('main')?.textContent?.length ?? 0,
      }));
      if (state.broken || state.elements > 0 || state.turned || state.wide || state.text > 400_000)
        seen.push(`${path}: ${JSON.stringify(state)}`);
    }
    expect(seen).toEqual([]);
    await day.page.goto(`${day.base}/catalogue/modules/memo`);
    expect(await day.main().locator('h1').textContent()).toBe(HOSTILE_TITLE);
  }, 120_000);

  it('a picture that carries a script runs it neither on a page nor by itself', async () => {
    const icon = `${day.base}/api/v1/catalogue/modules/memo/icon`;
    await day.page.goto(`${day.base}/catalogue/modules/memo`);
    const shown = await day.page
      .locator('main img')
      .first()
      .evaluate((image: HTMLImageElement) => image.decode().then(() => image.naturalWidth > 0));
    expect(shown).toBe(true);
    const before = day.faults.length;
    const answer = await day.page.goto(icon);
    expect(answer?.headers()).toMatchObject({
      'content-type': expect.stringContaining('image/svg+xml'),
      'content-security-policy': expect.stringMatching(/default-src 'none'.*sandbox/),
      'x-content-type-options': 'nosniff',
    });
    expect(await day.page.evaluate(() => 'broken' in globalThis)).toBe(false);
    // The browser tells that it refused to run it.
    day.faults.length = before;
  }, 60_000);

  it('a log of escapes, markup and a line of a megabyte stays readable', async () => {
    const run = (await day.demo.cli('run', 'list'))
      .json()
      .findLast((one: { stackName: string }) => one.stackName === 'memo');
    await day.page.goto(`${day.base}/runs/${run.id}`);
    await day.page.getByLabel('Search the log').fill('turned around');
    await day
      .main()
      .getByText(/turned around/)
      .first()
      .waitFor();
    await day.page.getByLabel('Search the log').fill('globalThis.broken');
    await day.main().getByText(SCRIPT, { exact: false }).first().waitFor();
    const text = (await day.main().textContent()) ?? '';
    expect(text).not.toContain('\u001b');
    expect(text).not.toContain(']0;title');
    expect(await day.page.evaluate(() => 'broken' in globalThis)).toBe(false);
  }, 60_000);
}
