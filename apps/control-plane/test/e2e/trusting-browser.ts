import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Chromium as it comes. */
export const plainBrowser = (): Promise<Browser> =>
  chromium.launch({ executablePath: '/usr/bin/chromium', args: ARGS });

/** The browser of a person who followed the demo's advice: the site's CA is trusted, its names lead to the gateway. */
export async function trustingBrowser(ca: string, names: string, gateway: string): Promise<Browser> {
  const home = mkdtempSync(join(tmpdir(), 'bastide-browser-'));
  const database = `sql:${join(home, '.pki/nssdb')}`;
  mkdirSync(join(home, '.pki/nssdb'), { recursive: true });
  writeFileSync(join(home, 'ca.pem'), ca);
  execFileSync('certutil', ['-d', database, '-N', '--empty-password']);
  execFileSync('certutil', ['-d', database, '-A', '-t', 'C,,', '-n', 'site', '-i', join(home, 'ca.pem')]);
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    env: { ...process.env, HOME: home },
    args: [...ARGS, `--host-resolver-rules=MAP ${names} ${gateway}`],
  });
  browser.on('disconnected', () => rmSync(home, { recursive: true, force: true }));
  return browser;
}

/** Chromium gives up what it is loading when an address comes or goes on the machine, as when another suite starts its lab: what a person would load again is done again. */
export async function despiteOtherNetworks<T>(act: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await act();
    } catch (error) {
      if (tries === 4 || !String(error).includes('ERR_NETWORK_CHANGED')) throw error;
    }
  }
}
