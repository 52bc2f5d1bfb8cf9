import type { Browser, BrowserContext, Locator, Page } from 'playwright-core';
import { Demo } from '../../control-plane/test/e2e/demo.js';
import { plainBrowser } from '../../control-plane/test/e2e/trusting-browser.js';
import { hostileCatalogue } from './hostile-catalogue.js';

export const PASSWORD = 'correct horse battery';

interface SeenGuest {
  readonly node: string;
  readonly vmid: number;
  readonly memoryMiB: number;
  readonly cpus: number;
  readonly rootGiB: number;
  readonly address: string;
}

/**
 * One admin's day: the product started once, one browser, one signed-in page. Chapters under journeys/ tell its parts in
 * order and leave to each other what stands here. E2E_SCREENSHOTS=folder keeps pictures.
 */
export class Day {
  readonly #catalogue = hostileCatalogue();
  readonly demo = new Demo(`dash${process.pid % 1000}`, 100 + ((process.pid + 31) % 100), this.#catalogue.env);
  #browser: Browser | undefined;
  #context: BrowserContext | undefined;
  #page: Page | undefined;
  /** What the browser complained about. */
  readonly faults: string[] = [];
  /** Address of the page of stack `team`, and of its installing run. */
  team = '';
  run = '';

  async begin(): Promise<void> {
    await this.demo.start('none', 6);
    this.#browser = await plainBrowser();
    this.#context = await this.#browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB' });
    this.#page = await this.#context.newPage();
    this.#page.on('pageerror', (error) => this.faults.push(`${this.page.url()}: ${error.message}`));
    this.#page.on('console', (line) => {
      if (line.type() === 'error') this.faults.push(`${this.page.url()}: ${line.text()}`);
    });
  }

  async end(): Promise<void> {
    await this.#browser?.close();
    await this.demo.clear();
    this.#catalogue.remove();
  }

  get base(): string {
    return `http://127.0.0.1:${this.demo.port}`;
  }
  get browser(): Browser {
    return this.#browser!;
  }
  get context(): BrowserContext {
    return this.#context!;
  }
  get page(): Page {
    return this.#page!;
  }

  main = (): Locator => this.page.locator('main');
  click = (name: RegExp): Promise<void> => this.main().getByRole('button', { name }).first().click();

  /** Applies the plan that is on the screen and follows its run to the end, which must be that one. */
  async applied(state: string, minutes: number): Promise<void> {
    await this.page.waitForURL('**/plans/**');
    await this.click(/^Apply$/);
    await this.page.waitForURL('**/runs/**').catch(async (error: Error) => {
      throw new Error(`${error.message}\n${await this.main().textContent()}`);
    });
    await this.runEnds(state, minutes);
  }

  async runEnds(state: string, minutes: number, page: Page = this.page): Promise<void> {
    const told = page.locator('main').getByText(/^\d+ of \d+ steps done in/);
    await told.first().waitFor({ timeout: minutes * 60_000 });
    expect(await page.locator('main .mantine-Badge-root').first().textContent()).toBe(state);
  }

  /** The one guest of an instance, as the control plane records it. */
  async guestOf(instance: string, stack = 'team'): Promise<SeenGuest> {
    const { instances } = (await this.demo.cli('stack', 'show', stack)).json();
    return instances.find((entry: { name: string }) => entry.name === instance).guests[0];
  }

  /** The guests that the lab has of ours. */
  async ourGuests(): Promise<readonly { readonly vmid: number }[]> {
    const all: { vmid: number }[] = await this.demo.lab('GET', '/cluster/resources?type=vm');
    return all.filter(({ vmid }) => vmid >= 1000);
  }
}
