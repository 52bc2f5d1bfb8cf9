import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';

const AXE = readFileSync('node_modules/axe-core/axe.min.js', 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'];

/**
 * What axe finds on the page by WCAG 2.1 AA: rule and the first place of each. The page's context must let code be
 * injected (`bypassCSP`).
 */
export async function axeFindings(page: Page): Promise<readonly string[]> {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(async (tags) => {
    const { axe } = globalThis as unknown as {
      axe: { run: (o: object) => Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
    };
    return axe.run({ runOnly: tags });
  }, RULES);
  return violations.map(({ id, nodes }) => `${id} ${nodes[0]?.html.slice(0, 200)}`);
}
