// Bundles the page: one HTML file with its style and script inside, and a Content-Security-Policy
// that allows these two by their digests and nothing else.
//
//   node build.mjs [OUTPUT]     default page.html beside this file
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const output = process.argv[2] ?? here('page.html');

const bundled = await build({
  entryPoints: { page: here('src/main.jsx'), style: here('src/style.css') },
  outdir: here('out'),
  write: false,
  bundle: true,
  minify: true,
  charset: 'ascii',
  format: 'iife',
  target: ['chrome111', 'firefox113', 'safari16.4'],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'none',
});
const text = (ending) => bundled.outputFiles.find((file) => file.path.endsWith(ending)).text.trim();
const digest = (content) => `'sha256-${createHash('sha256').update(content).digest('base64')}'`;

const script = text('.js');
const style = text('.css');
for (const [name, content] of [['script', script], ['style', style]]) {
  if (content.toLowerCase().includes(`</${name}`)) throw new Error(`the ${name} would end itself`);
}

const values = {
  POLICY: `default-src 'none'; script-src ${digest(script)}; style-src ${digest(style)}; ` +
    `connect-src 'none'; base-uri 'none'; form-action 'none'`,
  STYLE: style,
  SCRIPT: script,
};
const page = readFileSync(here('index.html'), 'utf8')
  .replace(/\{\{([A-Z]+)\}\}/g, (_, name) => values[name]);
if (/[^\t\n\x20-\x7e]/.test(page)) throw new Error('the page is to be plain ASCII');
writeFileSync(output, page);
