import { type Day, PASSWORD } from '../day.js';

/** A server that goes away and a session that ends while somebody works. */
export function interruptions(day: Day): void {
  it(
    'goes on where it was when the control plane was away and when the session has ended',
    async () => {
      await day.page.goto(`${day.base}/catalogue`);
      await day.main().getByRole('link', { name: /Team/ }).first().waitFor();
      // The session ends on another device.
      const cookies = await day.context.cookies();
      await day.context.clearCookies();
      await day.page.getByRole('link', { name: 'Runs', exact: true }).first().click();
      await day.page.getByLabel('Password').first().fill(PASSWORD);
      await day.page.getByRole('button', { name: 'Sign in', exact: true }).click();
      await day.main().getByRole('table').first().waitFor();
      expect(day.page.url()).toContain('/runs');
      expect(cookies.length).toBeGreaterThan(0);
      await day.page.goto(`${day.team}/checks`);
      await day.main().getByRole('table').first().waitFor();
      const before = day.faults.length;
      await day.demo.stop();
      await day.page.getByRole('link', { name: 'Audit', exact: true }).first().click();
      await day.main().getByText('The control plane cannot be reached').first().waitFor({ timeout: 30_000 });
      await day.demo.start('none', 4);
      await day.main().getByRole('table').first().waitFor({ timeout: 60_000 });
      day.faults.length = before;
    },
    6 * 60_000,
  );
}
