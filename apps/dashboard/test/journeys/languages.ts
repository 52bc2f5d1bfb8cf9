import type { Page } from 'playwright-core';
import type { Day } from '../day.js';

const NAME = '<script>globalThis.broken</script>';

/** What the control plane says, in the reader's language; what somebody else chose stays as it is, and text. */
export function languages(day: Day): void {
  const read = async (language: string, path: string): Promise<Page> => {
    const own = await day.browser.newContext({ storageState: await day.context.storageState() });
    await own.addInitScript((code) => localStorage.setItem('bastide.language', code), language);
    const page = await own.newPage();
    await page.goto(day.base + path);
    return page;
  };

  it.each([
    ['de', 'Diesen Plan gibt es nicht.', 'Einen neuen machen.'],
    ['fr', 'Ce plan n’existe pas.', 'Faites-en un nouveau.'],
  ])('a refusal speaks %s, with its remedy', async (language, message, remedy) => {
    const page = await read(language, '/plans/pln_none');
    const told = page.locator('main').getByRole('alert');
    await told.getByText(message).waitFor();
    expect(await told.textContent()).toContain(remedy);
    expect(await told.locator('[lang=en]').count()).toBe(0);
    await page.context().close();
  });

  it.each([
    ['de', 'Gemeinsam aufschreiben, was alle wiederfinden sollen.'],
    ['fr', 'Écrire ensemble ce que chacun doit retrouver.'],
  ])('a module speaks %s', async (language, summary) => {
    const page = await read(language, '/catalogue');
    await page.locator('main').getByText(summary).first().waitFor();
    await page.context().close();
  });

  it('a finding speaks German around a name that means harm, which stays text', async () => {
    const { id } = (await day.demo.cli('plan', 'memo', '--name', 'named', '--set', `${NAME}=1`)).json();
    const page = await read('de', `/plans/${id}`);
    await page.locator('main').getByText(`Es gibt keinen Parameter ${NAME}; die Vorlage hat title.`).waitFor();
    await page.locator('main').getByText('Ihn herausnehmen oder den Namen berichtigen.').waitFor();
    expect(await page.locator('main script').count()).toBe(0);
    await page.context().close();
  });
}
