import { baseName, count, countOf, duration, kinds } from './format.js';

const REASONS = {
  nothing_in_common: 'no packet of it was seen at another tap',
  too_little: 'too little evidence',
  ambiguous: 'several candidates, none clearly ahead',
  not_overlapping: 'no other tap captured then',
};

const RELATIONS = {
  nat: 'NAT', user_nat: 'NAT in user space', routed: 'routed', bridged: 'bridged', tunnel: 'tunnel', proxy: 'proxy',
  isolated: 'isolated', unrelated: 'never captured together',
};

export const relation = (name) => RELATIONS[name] ?? name;

function clockOf(tap) {
  if (tap.clock_basis === 'reference') return 'reference';
  if (tap.clock_basis === 'unknown' || tap.clock_basis === null) return 'unknown';
  const parts = [`${tap.offset_ns >= 0 ? '+' : '\u2212'}${duration(Math.abs(tap.offset_ns))}`];
  if (tap.clock_error_ns !== null) parts.push(`\u00b1 ${duration(tap.clock_error_ns)}`);
  if (tap.drift_ppm) parts.push(`drift ${tap.drift_ppm.toFixed(2)} ppm`);
  return parts.join(' ') + (tap.clock_basis === 'given' ? ' (given)' : '');
}

function Figure({ value, name }) {
  return <div class="figure"><b>{count(value ?? 0)}</b><span>{name}</span></div>;
}

function Taps({ data, clock }) {
  const files = data.files.rows();
  const paths = (source) => files.filter((file) => file.source === source).map((file) => baseName(file.path)).join(', ');
  return (
    <div class="scroll" tabindex="0" role="region" aria-label="Taps">
      <table>
        <caption>Taps</caption>
        <thead><tr>
          <th>tap</th><th>file</th><th class="n">frames</th><th class="n">connections</th><th class="n">refused</th>
          <th class="n">dropped</th><th>first frame</th><th>last</th><th>clock against the first tap</th>
        </tr></thead>
        <tbody>
          {data.taps.rows().map((tap) => (
            <tr key={tap.id}>
              <th scope="row">{tap.name}</th><td class="mono">{paths(tap.source)}</td>
              <td class="n">{count(tap.frames)}</td><td class="n">{count(tap.connections)}</td>
              <td class="n">{count(tap.invalid_packets)}</td><td class="n">{count(tap.dropped)}</td>
              <td class="mono">{clock.moment(tap.first_ns)}</td><td class="mono">{clock.time(tap.last_ns)}</td>
              <td>{clockOf(tap)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Between({ rows }) {
  if (rows.length === 0) return null;
  return (
    <div class="scroll" tabindex="0" role="region" aria-label="Between the taps">
      <table>
        <caption>Between the taps</caption>
        <thead><tr><th>inside</th><th>outside</th><th>relation</th><th class="n">connections</th><th>of these</th><th>external addresses</th></tr></thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.id}>
              <th scope="row">{row.inside}</th><th>{row.outside}</th><td>{relation(row.relation)}</td>
              <td class="n">{count(row.translations)}</td><td>{kinds(row)}</td><td class="mono">{row.external ?? ''}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Remarks({ data }) {
  const remarks = [];
  if (!data.about.complete) remarks.push('The run that wrote this database did not end: what is here is what it had by then.');
  for (const file of data.files.rows()) {
    if (file.notes !== null) remarks.push(`${baseName(file.path)}: ${file.notes}`);
  }
  for (const row of data.unpaired.rows()) {
    remarks.push(`${row.tap}: ${countOf(row.connections, 'connection', 'connections')} without a partner at another tap: ` +
      `${REASONS[row.reason] ?? row.reason}.`);
  }
  if (remarks.length === 0) return null;
  return (
    <div class="remarks">
      <h3>What stayed open</h3>
      <ul>{remarks.map((text) => <li key={text}>{text}</li>)}</ul>
    </div>
  );
}

export function Summary({ data, clock }) {
  const counts = data.counts.row(0);
  return (
    <section id="summary" aria-label="Summary">
      <h2>Summary</h2>
      <div class="figures">
        <Figure value={counts.frames} name="frames" />
        <Figure value={counts.connections} name="connections" />
        <Figure value={counts.translations} name="seen at both taps" />
        <Figure value={counts.mappings} name="mappings" />
        <Figure value={counts.ambiguous} name="ambiguous" />
        <Figure value={counts.findings} name="findings" />
      </div>
      <Taps data={data} clock={clock} />
      <Between rows={data.between.rows()} />
      <Remarks data={data} />
    </section>
  );
}
