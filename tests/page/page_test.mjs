// The page of `natlens report` in a real Chromium: it needs no network and asks for none, shows what
// strangers wrote as text, is there in time, is readable in light and dark, and works by keyboard.
//
//   node page_test.mjs NATLENS
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { ROOT, launch, missing, open } from './browser.mjs';
import { Maker, many } from './databases.mjs';

const WHAT = missing();
if (WHAT) {
  console.log(`NOT RUN: missing ${WHAT}`);
  process.exit(0);
}
const folder = mkdtempSync(join(tmpdir(), 'natlens-report-'));
const maker = new Maker(resolve(process.argv[2]), folder);
const real = maker.page('real-copy');
after(() => rmSync(folder, { recursive: true, force: true }));

/** A web server that counts who asks. */
async function listening() {
  const server = createServer((request, response) => { server.asked.push(request.url); response.end(); });
  server.asked = [];
  await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
  return server;
}

let server;
let browser;
let context;
before(async () => {
  server = await listening();
  browser = await launch();
  context = browser.context;
});
after(async () => {
  server.close();
  await browser?.close();
});

test('the lock file names packages by version and digest, not where one machine got them', () => {
  const lock = JSON.parse(readFileSync(join(ROOT, 'src', 'report', 'page', 'package-lock.json'), 'utf8'));
  const packages = Object.entries(lock.packages).filter(([name]) => name !== '');
  assert.ok(packages.length > 10);
  for (const [name, found] of packages) assert.ok(found.resolved === undefined && found.integrity, name);
});

test('nothing is asked of a network, whatever names in the captures say', async () => {
  const at = `http://127.0.0.1:${server.address().port}`;
  const name = `</script><script src="${at}/script"></script><img src="${at}/image" onerror="window.hit=1">\u2028{"x":1}<!--`;
  const quoted = name.replaceAll("'", "''");
  const { page: path } = maker.page('hostile', `
    DELETE FROM finding; DELETE FROM finding_frame;
    UPDATE tap SET name = '${quoted}' WHERE id = 1;
    UPDATE file SET path = '/x/${quoted}', notes = json_array(json_object('offset', 1, 'text', '${quoted}')) WHERE id = 1;
    UPDATE connection SET close_reason = '${quoted}', state = NULL, events = '[[0,"${at}",{},1' ;
    INSERT INTO finding (id, code, severity, confidence, subject, subject_id, variant, first_ns, last_ns, count, facts, text, explains)
      SELECT 1, '${quoted}', 'error', 'certain', 'tap', 1, '${quoted}', first_ns, first_ns, 1, json_object('${quoted}', '${quoted}'), '${quoted}', '[]' FROM tap WHERE id = 1;`);
  const { page, errors, requests } = await open(context, path);
  assert.equal(await page.textContent('#summary tbody th'), name);
  assert.equal(await page.textContent('.finding > p'), name);
  await page.focus('.body');
  await page.keyboard.press('Enter');
  await page.waitForSelector('dialog .sides');
  assert.equal(await page.evaluate(() => window.hit), undefined);
  assert.equal(await page.locator('#page img, #page script, #page iframe, #page link').count(), 0);
  assert.deepEqual(errors, []);
  assert.equal(requests.length, 1, `only itself: ${requests}`);
  assert.deepEqual(server.asked, []);
  // The policy holds even for a script that would ask.
  assert.equal(await page.evaluate((url) => fetch(url).then(() => 'answered', () => 'refused'), `${at}/fetch`), 'refused');
  await page.evaluate((url) => { document.body.append(Object.assign(new Image(), { src: url })); }, `${at}/added`);
  await page.waitForTimeout(200);
  assert.deepEqual(server.asked, []);
  const plain = await context.newPage();  // the server does count
  await plain.goto(`${at}/counts`);
  assert.ok(server.asked.includes('/counts'));
});

for (const [copies, limit] of [[512, 1000], [5128, 5000]]) {
  test(`${39 * (copies + 1)} mappings are ready in ${limit} ms`, async () => {
    const { page: path, bytes } = maker.page(`many-${copies}`, many(copies));
    const times = [];
    for (let round = 0; round < 3; round += 1) {
      const { page, ready, errors } = await open(context, path);
      assert.deepEqual(errors, []);
      assert.equal(await page.getAttribute('.grid', 'aria-rowcount'), String(39 * (copies + 1) + 1));
      assert.ok(await page.locator('.space .row').count() < 80, 'only rows in sight exist');
      const began = Date.now();
      await page.fill('#search', ' 10.0.1.7 udp');
      await page.waitForFunction(() => document.querySelectorAll('.space .row').length > 0 &&
        [...document.querySelectorAll('.space .row')].every((row) => row.children[0].textContent === 'udp'));
      times.push({ ready, search: Date.now() - began });
      await page.close();
    }
    const ready = Math.min(...times.map((time) => time.ready));
    console.log(`# page of ${39 * (copies + 1)} mappings: ${(bytes / 1e6).toFixed(1)} MB, ready after ${times.map((time) => time.ready)} ms ` +
      `(${(ready / limit).toFixed(2)} of what it may take), first search ${times.map((time) => time.search)} ms`);
    assert.ok(ready < limit, `${ready} ms`);
  });
}

/** Contrast of all text in sight against what is behind it: the least, and whose it is (WCAG 2). */
const contrast = () => {
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const parse = (text) => text.match(/[\d.]+/g).map(Number);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const worst = { ratio: 99 };
  for (const element of document.querySelectorAll('#page *')) {
    if (![...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()) || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const [one, other] = [light(parse(element instanceof SVGElement ? style.fill : style.color)), light(behind(element))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < worst.ratio) Object.assign(worst, { ratio, text: element.textContent.slice(0, 40) });
  }
  return { ...worst, ground: light(behind(document.body)) };
};

for (const scheme of ['light', 'dark']) {
  test(`readable in ${scheme}`, async () => {
    const { page } = await open(context, real.page);
    await page.emulateMedia({ colorScheme: scheme });
    const found = await page.evaluate(contrast);
    assert.ok(found.ratio >= 4.5, `${found.ratio} of '${found.text}'`);
    assert.ok(scheme === 'light' ? found.ground > 0.8 : found.ground < 0.1, `the ground is ${found.ground}`);
  });
}

/** How many colours each of these pictures has. */
const colours = (context, pictures) => context.newPage().then((page) => page.evaluate(async (all) => Promise.all(all.map(async (text) => {
  const bitmap = await createImageBitmap(await (await fetch(`data:image/png;base64,${text}`)).blob());
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
  canvas.drawImage(bitmap, 0, 0);
  return new Set(new Uint32Array(canvas.getImageData(0, 0, bitmap.width, bitmap.height).data.buffer)).size;
})), pictures.map((picture) => picture.toString('base64'))));

test('screenshot: every section is drawn, below the one before it', async () => {
  const { page } = await open(context, real.page);
  let bottom = 0;
  const pictures = [];
  for (const part of ['#summary', '#nat', '#findings', '#mappings', '#mappings .timeline', '#mappings .grid']) {
    const box = await page.locator(part).evaluate((element) => {
      const { y, width, height } = element.getBoundingClientRect();
      return { y: y + scrollY, width, height };
    });
    assert.ok(box.height >= 60 && box.width > 900, `${part}: ${JSON.stringify(box)}`);
    if (!part.includes(' ')) {
      assert.ok(box.y >= bottom, `${part} begins at ${box.y}, above ${bottom}`);
      bottom = box.y + box.height;
    }
    pictures.push(await page.locator(part).screenshot());
  }
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'no scrolling to the side');
  for (const [i, found] of (await colours(context, pictures)).entries()) assert.ok(found > 12, `picture ${i} has ${found} colours`);
  const blank = await context.newPage();
  assert.deepEqual(await colours(context, [await blank.screenshot()]), [1]);
});

const focused = (page, selector) => page.evaluate((wanted) => document.activeElement.matches(wanted), selector);
const marked = (page) => page.textContent('.row.marked');

test('keyboard: search, move, open the diagram, close it', async () => {
  const { page } = await open(context, real.page);
  let presses = 0;
  while (!await focused(page, '#search') && presses < 40) {
    await page.keyboard.press('Tab');
    presses += 1;
  }
  assert.ok(presses < 40, 'Tab reaches the search');
  await page.keyboard.type('tcp 192.168.1.11');
  await page.waitForFunction(() => document.querySelectorAll('.space .row').length < 18);
  const rows = await page.locator('.space .row').allTextContents();
  assert.ok(rows.length > 3 && rows.every((row) => row.startsWith('tcp') && row.includes('192.168.1.11')), rows.join('\n'));
  while (!await focused(page, '.body') && presses < 60) {
    await page.keyboard.press('Tab');
    presses += 1;
  }
  const first = await marked(page);
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  const third = await marked(page);
  assert.equal(third, rows[2]);
  await page.keyboard.press('Home');
  assert.equal(await marked(page), first);
  await page.keyboard.press('End');
  assert.equal(await marked(page), rows.at(-1));
  await page.keyboard.press('Enter');
  await page.waitForSelector('dialog[open] svg.ladder');
  await page.keyboard.press('Escape');
  await page.waitForSelector('dialog', { state: 'detached' });
  assert.ok(await focused(page, '.body'), 'the focus is back');
  await page.fill('#search', 'nothing has this');
  await page.waitForSelector('text=No mapping fits.');
});

test('the diagram: both taps with the NAT between them, frames as Wireshark numbers them', async () => {
  const { page, errors } = await open(context, real.page);
  await page.fill('#search', 'tcp 192.168.1.11:40000');
  await page.waitForFunction(() => document.querySelectorAll('.space .row').length === 1);
  await page.click('.space .row');
  await page.waitForSelector('svg.ladder');
  const x = async (text) => (await page.locator('svg.ladder .name', { hasText: text }).boundingBox()).x;
  const places = [await x('inside end'), await x('lan'), await x('snat'), await x('wan'), await x('outside end')];
  assert.deepEqual(places, [...places].sort((one, other) => one - other));
  const labels = await page.locator('svg.ladder .label').allTextContents();
  assert.deepEqual(labels.slice(0, 3), ['NEW SYN_SENT', 'SYN_RECV', 'ESTABLISHED']);
  const frames = await page.locator('svg.ladder .rung').first().locator('.frame').allTextContents();
  const stored = maker.run('query', real.database, `SELECT '#' || c.first_frame AS frame FROM translation t JOIN connection c ON c.id IN
    (t.inside_connection_id, t.outside_connection_id) JOIN connection i ON i.id = t.inside_connection_id
    WHERE i.src = '192.168.1.11' AND i.sport = 40000 ORDER BY c.id`, '--format', 'csv').trim().split('\n').slice(1);
  assert.deepEqual(frames.map((text) => text.trim()), stored.map((text) => text.trim()));
  // The first goes out, its answer comes in.
  const ends = await page.locator('svg.ladder .rung .head').evaluateAll((heads) => heads.slice(0, 2).map((head) => head.getBoundingClientRect().x));
  assert.ok(ends[0] > ends[1], `${ends}`);
  assert.deepEqual(errors, []);
});

test('findings: root causes first, with frames, facts, the next command and the diagram', async () => {
  const { page: path } = maker.page('findings', `DELETE FROM finding; DELETE FROM finding_frame;
    INSERT INTO finding (id, code, severity, confidence, subject, subject_id, variant, first_ns, last_ns, count, facts, text, explains, explained_by)
      SELECT 1, 'TCP-SYN-UNANSWERED', 'warning', 'likely', 'connection', inside_connection_id, NULL, start_ns, end_ns, 3, '{"wait_ms":1000}', 'A symptom.', '[]', 2 FROM translation WHERE id = 5;
    INSERT INTO finding (id, code, severity, confidence, subject, subject_id, variant, first_ns, last_ns, count, facts, text, explains)
      SELECT 2, 'NAT-STATE-LOST', 'error', 'certain', 'translation', 5, 'restart', start_ns, end_ns, 1, '{"idle_ms":1500}', 'The cause.', '[1]' FROM translation WHERE id = 5;
    INSERT INTO finding_frame (finding_id, number, role, tap_id, file_id, frame, time_ns, connection_id) SELECT 2, 1, 'cause', 1, 1, 37, start_ns, inside_connection_id FROM translation WHERE id = 5;
    INSERT INTO finding_frame (finding_id, number, role, tap_id, file_id, frame, time_ns) SELECT 2, 2, 'missing-image', 2, NULL, NULL, start_ns FROM translation WHERE id = 5;`);
  const { page } = await open(context, path);
  const cards = page.locator('#findings > .finding');
  assert.equal(await cards.count(), 1);
  const text = await cards.first().textContent();
  for (const part of ['error', 'NAT-STATE-LOST', 'The cause.', 'idle_ms', '1500', 'cause', 'lan.pcap:37', 'nothing at wan', 'natlens trace', 'natlens explain NAT-STATE-LOST']) assert.ok(text.includes(part), `${part} in ${text}`);
  assert.equal(await page.textContent('#findings > details summary'), '1 explained by those above');
  await cards.first().locator('button').click();
  await page.waitForSelector('svg.ladder');
});
