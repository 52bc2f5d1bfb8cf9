import { existsSync } from 'node:fs';
import { Day } from './day.js';
import { change } from './journeys/change.js';
import { domain } from './journeys/domain.js';
import { drift } from './journeys/drift.js';
import { firstRun } from './journeys/first-run.js';
import { hostile } from './journeys/hostile.js';
import { identity } from './journeys/identity.js';
import { install } from './journeys/install.js';
import { interruptions } from './journeys/interruptions.js';
import { languages } from './journeys/languages.js';
import { remove } from './journeys/remove.js';
import { screens } from './journeys/screens.js';
import { stopAndUndo } from './journeys/stop-and-undo.js';
import { terminal } from './journeys/terminal.js';
import { tryIt } from './journeys/try-it.js';

/**
 * The admin's day at the dashboard, in a real browser against real guests, with one start of the product. Each chapter is
 * a file under journeys/; a new one is hooked in here, where what it needs is there: after `firstRun` an admin is signed
 * in and site `demo` is connected, between `tryIt` and `remove` stack `team` is there, between `install` and `remove` the
 * small stack `memo` whose author means harm.
 */
const possible = process.getuid?.() === 0 && existsSync('/usr/bin/lxc-start') && existsSync('/usr/bin/chromium');
const story = possible ? describe : describe.skip;
if (!possible)
  process.stderr.write('SKIPPED: the dashboard’s journeys need root, LXC and Chromium (infra/setup/setup.sh)\n');

story('the dashboard', () => {
  const day = new Day();
  beforeAll(() => day.begin(), 8 * 60_000);
  afterAll(() => day.end(), 5 * 60_000);

  firstRun(day);
  tryIt(day);
  install(day);
  hostile(day);
  languages(day);
  drift(day);
  screens(day);
  change(day);
  domain(day);
  identity(day);
  interruptions(day);
  remove(day);
  terminal(day);

  it('had no error in the browser all the way', () => {
    // Refusals that the journey asked for are told by the browser as failed resources.
    expect(day.faults.filter((line) => !/Failed to load resource/.test(line))).toEqual([]);
  });

  stopAndUndo(day);
});
