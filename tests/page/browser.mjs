// Chromium for the tests of the page: started without anything that talks to a network by itself, with
// a profile of its own.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL, fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BUILT = join(ROOT, 'build', 'page', 'package.json');
const QUIET = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];

export function findChromium() {
  const folders = (process.env.PATH ?? '').split(':');
  const paths = folders.flatMap((folder) => ['chromium', 'chromium-browser', 'google-chrome'].map((name) => join(folder, name)));
  return paths.find((path) => existsSync(path));
}

/** What is missing to run these tests, or null. */
export function missing() {
  if (!existsSync(join(BUILT, '..', 'node_modules', 'playwright-core'))) return 'the built page (scripts/page)';
  return findChromium() ? null : 'package chromium';
}

/** A browser of its own; `close()` ends it and takes its profile away. */
export async function launch() {
  const { chromium } = createRequire(BUILT)('playwright-core');
  const profile = mkdtempSync(join(tmpdir(), 'natlens-page-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: findChromium(), headless: true, args: QUIET, viewport: { width: 1360, height: 900 }, colorScheme: 'light',
  });
  const close = async () => {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  };
  return { context, close };
}

/** Opens a report and waits until it is drawn; tells errors, requests and how long it took. */
export async function open(context, path) {
  const page = await context.newPage();
  const errors = [];
  const requests = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
  page.on('request', (request) => requests.push(request.url()));
  page.on('websocket', (socket) => requests.push(socket.url()));
  await page.goto(pathToFileURL(path).href);
  await page.waitForFunction(() => document.documentElement.dataset.ready, undefined, { timeout: 60_000 });
  const ready = Number(await page.evaluate(() => document.documentElement.dataset.ready));
  return { page, errors, requests, ready };
}
