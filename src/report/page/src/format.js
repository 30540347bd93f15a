// Values as people read them.

const counts = new Intl.NumberFormat('en-US');
const GIVEN = new Set(['tcp', 'udp', 'udplite', 'sctp', 'dccp']);

export const count = (value) => (value === null ? '' : counts.format(value));

export const countOf = (value, one, many) => `${count(value)} ${value === 1 ? one : many}`;

const UNITS = [[86400e9, 'd'], [3600e9, 'h'], [60e9, 'min'], [1e9, 's'], [1e6, 'ms'], [1e3, '\u00b5s']];

/** Nanoseconds with the unit that fits: "1.24 ms". */
export function duration(ns) {
  if (ns === null) return '';
  const size = Math.abs(ns);
  if (size === 0) return '0';
  const [unit, name] = UNITS.find(([least]) => size >= least) ?? [1, 'ns'];
  const value = ns / unit;
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return `${unit === 1 ? value : value.toFixed(digits)} ${name}`;
}

/** Moments of the page: nanoseconds after its origin, shown in UTC. */
export class Clock {
  constructor(origin) {
    this.origin = BigInt(origin);
  }

  date(ns) {
    return new Date(Number((this.origin + BigInt(Math.round(ns))) / 1000000n));
  }

  /** "2026-11-21 10:15:00.123" */
  moment(ns) {
    return ns === null ? '' : this.date(ns).toISOString().replace('T', ' ').replace('Z', '');
  }

  time(ns) {
    return this.moment(ns).slice(11);
  }
}

export function end(address, port) {
  if (port === null) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

export function tuple(connection) {
  const { protocol, src, sport, dst, dport } = connection;
  if (protocol.startsWith('icmp')) return `${src} > ${dst} id ${sport}`;
  return GIVEN.has(protocol) ? `${end(src, sport)} > ${end(dst, dport)}` : `${src} > ${dst}`;
}

/** What to type for it: quoted where a shell would take it apart. */
export function word(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

export const baseName = (path) => path.slice(path.lastIndexOf('/') + 1);

const KINDS = ['snat', 'dnat', 'twice', 'hairpin', 'nat64', 'nat46', 'npt', 'proxy', 'tunnel', 'routed', 'bridged'];

/** "150 snat, 8 dnat" */
export function kinds(row) {
  return KINDS.filter((kind) => row[kind] > 0).map((kind) => `${count(row[kind])} ${kind}`).join(', ');
}
