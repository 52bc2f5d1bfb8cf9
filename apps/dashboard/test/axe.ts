import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';

const AXE = readFileSync('node_modules/axe-core/axe.min.js', 'utf8');
const WCAG = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'];

interface Moving {
  readonly effect: { getComputedTiming(): { endTime: number } } | null;
  readonly playState: string;
}
interface Examined {
  readonly axe: { run: (o: object) => Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
  readonly document: { getAnimations(): Moving[] };
  readonly requestAnimationFrame: (then: (at: number) => void) => void;
}

/**
 * What axe finds on the page as it is, by WCAG 2.1 AA: rule and the first place of each. `rules`: only these, where the page has
 * been examined by all of them before and only that has changed which they look at.
 */
export async function axeFindings(page: Page, rules?: readonly string[]): Promise<readonly string[]> {
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(AXE);
  const { violations } = await page.evaluate(
    async (runOnly) => {
      const { axe, document, requestAnimationFrame } = globalThis as unknown as Examined;
      // Colours are looked at when they have arrived: what inherits one starts for it when its parent has.
      const ends = ({ effect, playState }: Moving): boolean =>
        playState === 'running' && effect?.getComputedTiming().endTime !== Number.POSITIVE_INFINITY;
      for (let still = 0, frames = 0; still < 3 && frames < 300; frames += 1) {
        await new Promise((next) => requestAnimationFrame(next));
        still = document.getAnimations().some(ends) ? 0 : still + 1;
      }
      return axe.run({ runOnly, resultTypes: ['violations'] });
    },
    rules ? { type: 'rule', values: [...rules] } : { type: 'tag', values: WCAG },
  );
  return violations.map(({ id, nodes }) => `${id} ${nodes[0]?.html.slice(0, 200)}`);
}
