import type { Page } from 'playwright-core';

/** What the focused element is called, as a screen reader would say it, more or less. */
const focusedName = (page: Page): Promise<string> =>
  page.evaluate(() => {
    const at = document.activeElement as (HTMLElement & { labels?: NodeListOf<HTMLLabelElement> | null }) | null;
    if (!at || at === document.body) return '';
    const named = at.getAttribute('aria-label') ?? at.labels?.[0]?.textContent ?? at.textContent ?? '';
    return named.trim();
  });

/** A person without a mouse: Tab to what has that name, and it must be seen where the focus is. */
export async function tabTo(page: Page, name: RegExp, most = 120): Promise<void> {
  const passed: string[] = [];
  for (let presses = 0; presses < most; presses++) {
    const here = await focusedName(page);
    if (name.test(here)) {
      const shown = await page.evaluate(() => {
        const at = document.activeElement as HTMLElement;
        const ring = getComputedStyle(at);
        const box = at.getBoundingClientRect();
        // A field shows its focus by its border, everything else by an outline; either is a change that can be seen.
        const seen = ring.outlineStyle !== 'none' || /INPUT|TEXTAREA|SELECT/.test(at.tagName);
        return seen && box.bottom > 0 && box.top < innerHeight;
      });
      if (!shown) throw new Error(`the focus on ${here} cannot be seen`);
      return;
    }
    passed.push(here.slice(0, 40));
    await page.keyboard.press('Tab');
  }
  throw new Error(`${name} is not reached by Tab; passed: ${passed.join(' | ')}`);
}

/** Tab to it and press Enter. */
export async function press(page: Page, name: RegExp): Promise<void> {
  await tabTo(page, name);
  await page.keyboard.press('Enter');
}

/** Tab to the field and type. */
export async function type(page: Page, name: RegExp, text: string): Promise<void> {
  await tabTo(page, name);
  await page.keyboard.press('Control+A');
  await page.keyboard.type(text);
}
