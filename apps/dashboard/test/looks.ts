import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { axeFindings } from './axe.js';

/** Before a page is opened for {@link looksAt}. */
export const wearLight = (page: Page): Promise<void> => page.emulateMedia({ colorScheme: 'light' });

/**
 * What is wrong with the page as it stands, which was opened in the light scheme: what is too wide and, where it is `examined`,
 * what axe finds, then in the dark scheme too. That one changes colours on the spot and nothing else, and of all rules of axe
 * one looks at colours. E2E_SCREENSHOTS=folder keeps pictures by `name`.
 */
export async function looksAt(page: Page, name: string, examined: boolean): Promise<readonly string[]> {
  const findings: string[] = [];
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (wide > 0) findings.push(`${wide} pixels too wide`);
  await keep(page, `${name}-light`);
  if (examined) findings.push(...(await axeFindings(page)));
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.waitForFunction(() => document.documentElement.dataset['mantineColorScheme'] === 'dark');
  await keep(page, `${name}-dark`);
  if (examined) for (const finding of await axeFindings(page, ['color-contrast'])) findings.push(`dark: ${finding}`);
  return findings;
}

async function keep(page: Page, name: string): Promise<void> {
  const folder = process.env['E2E_SCREENSHOTS'];
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}
