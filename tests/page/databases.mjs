// Databases and pages for the tests: a real capture analysed, and edited copies of that.
import { execFileSync } from 'node:child_process';
import { copyFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './browser.mjs';

export class Maker {
  constructor(natlens, folder) {
    this.natlens = natlens;
    this.folder = folder;
    this.real = join(folder, 'real.db');
    const samples = join(ROOT, 'sample_pcaps', 'home-router');
    this.run('analyze', `lan=${join(samples, 'lan.pcap')}`, `wan=${join(samples, 'wan.pcap')}`, '-o', this.real);
  }

  run(...args) {
    return execFileSync(this.natlens, args, { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
  }

  /** The page of a copy of the real database, edited by these statements. */
  page(name, sql = '') {
    const database = join(this.folder, `${name}.db`);
    const page = join(this.folder, `${name}.html`);
    copyFileSync(this.real, database);
    if (sql) execFileSync('sqlite3', ['-bail', database], { input: sql });
    this.run('report', database, '-o', page);
    return { page, database, bytes: statSync(page).size };
  }
}

const columns = (names, changed) => names.map((name) => changed[name] ?? name).join(', ');

const TABLES = {
  mapping: ['id', 'nat_id', 'kind', 'protocol', 'internal_addr', 'internal_port', 'external_addr', 'external_port', 'first_ns', 'last_ns',
    'translations', 'far_endpoints'],
  translation: ['id', 'inside_connection_id', 'outside_connection_id', 'kind', 'confidence', 'entered', 'reversed', 'start_ns', 'end_ns',
    'bits', 'margin_bits', 'evidence', 'original_both', 'reply_both', 'original_inside_only', 'reply_inside_only',
    'original_outside_only', 'reply_outside_only', 'original_latency_median_ns', 'reply_latency_median_ns'],
  connection: ['id', 'tap_id', 'zone', 'protocol', 'src', 'sport', 'dst', 'dport', 'state', 'status', 'timeout_s', 'close_reason',
    'beginning_seen', 'start_ns', 'last_ns', 'end_ns', 'original_packets', 'original_bytes', 'reply_packets', 'reply_bytes',
    'invalid_packets', 'first_file_id', 'first_frame', 'depth', 'ttl', 'tos', 'ip_bytes', 'events'],
};

/** Statements that copy every mapping, with its connections, to other hosts and times, `times` times. */
export function many(times) {
  const host = "'10.' || (k / 65536) || '.' || (k / 256 % 256) || '.' || (k % 256)";
  const later = (name) => ({ [name]: `${name} + k * 200000000` });
  const changes = {
    mapping: { id: 'id + k * 1000', internal_addr: host, ...later('first_ns'), ...later('last_ns') },
    translation: {
      id: 'id + k * 1000', inside_connection_id: 'inside_connection_id + k * 1000', outside_connection_id: 'outside_connection_id + k * 1000',
      ...later('start_ns'), ...later('end_ns'),
    },
    connection: {
      id: 'id + k * 1000', src: `CASE tap_id WHEN 1 THEN ${host} ELSE src END`, ...later('start_ns'), ...later('last_ns'), ...later('end_ns'),
    },
  };
  const copies = Object.entries(TABLES).map(([table, names]) => `
    WITH RECURSIVE copy (k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM copy WHERE k < ${times})
    INSERT INTO ${table} (${names.join(', ')}) SELECT ${columns(names, changes[table])} FROM ${table} CROSS JOIN copy;`);
  return `BEGIN;${copies.join('')}
    UPDATE tap SET last_ns = last_ns + ${times} * 200000000;
    COMMIT;`;
}
