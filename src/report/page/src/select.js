// Which mappings are shown, and in which order.
import { end } from './format.js';

const collator = new Intl.Collator('en', { numeric: true });

export const nothingAsked = { text: '', protocol: '', kind: '', from: null, to: null };

let searched;

/** What a search looks into, per row; made at the first search. */
function haystack(table) {
  if (searched?.table === table) return searched.texts;
  const { protocol, kind, internal_addr: internal, external_addr: external } = table.columns;
  const { internal_port: internalPort, external_port: externalPort } = table.columns;
  const texts = new Array(table.length);
  for (let row = 0; row < table.length; row += 1) {
    const ends = `${end(internal.at(row), internalPort.at(row))} ${end(external.at(row), externalPort.at(row))}`;
    texts[row] = `${protocol.at(row)} ${kind.at(row)} ${ends}`.toLowerCase();
  }
  searched = { table, texts };
  return texts;
}

/** Rows that hold every word of the search, in the order of the table. */
export function filterRows(table, asked) {
  const words = asked.text.toLowerCase().split(/\s+/).filter(Boolean);
  const texts = words.length > 0 ? haystack(table) : null;
  const { protocol, kind, first_ns: first, last_ns: last } = table.columns;
  const rows = new Int32Array(table.length);
  let found = 0;
  for (let row = 0; row < table.length; row += 1) {
    if (asked.protocol && protocol.at(row) !== asked.protocol) continue;
    if (asked.kind && kind.at(row) !== asked.kind) continue;
    if (asked.from !== null && (last.at(row) < asked.from || first.at(row) > asked.to)) continue;
    if (texts !== null && !words.every((word) => texts[row].includes(word))) continue;
    rows[found] = row;
    found += 1;
  }
  return rows.subarray(0, found);
}

/** The rank of each word of a column among its words: 10.0.0.9 before 10.0.0.10. */
function ranks(words) {
  const order = words.map((_, index) => index).sort((one, other) => collator.compare(words[one], words[other]));
  const rank = new Int32Array(words.length);
  order.forEach((index, place) => { rank[index] = place; });
  return rank;
}

// An address is followed by its port.
const THEN = { internal_addr: 'internal_port', external_addr: 'external_port' };

function keyOf(table, column) {
  const { cells, words } = table.columns[column];
  const rank = words === null ? null : ranks(words);
  return (row) => (cells[row] === null ? -1 : rank === null ? cells[row] : rank[cells[row]]);
}

export function sortRows(table, rows, { column, down }) {
  const key = keyOf(table, column);
  const then = THEN[column] ? keyOf(table, THEN[column]) : () => 0;
  const sign = down ? -1 : 1;
  return rows.slice().sort((one, other) => sign * (key(one) - key(other) || then(one) - then(other)) || one - other);
}
