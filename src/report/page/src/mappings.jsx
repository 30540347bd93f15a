import { useMemo, useState } from 'preact/hooks';
import { count, duration, end } from './format.js';
import { Grid } from './grid.jsx';
import { filterRows, nothingAsked, sortRows } from './select.js';
import { Timeline } from './timeline.jsx';

function columnsOf(table, clock, span) {
  const { columns: c } = table;
  const life = (row) => {
    const left = (c.first_ns.at(row) / span) * 100;
    const width = ((c.last_ns.at(row) - c.first_ns.at(row)) / span) * 100;
    return <span class="life"><i style={{ left: `${Math.min(99.5, left)}%`, width: `${Math.max(0.5, width)}%` }} /></span>;
  };
  return [
    { name: 'protocol', title: 'protocol', cell: (row) => c.protocol.at(row) },
    { name: 'kind', title: 'kind', cell: (row) => c.kind.at(row) },
    { name: 'internal_addr', title: 'internal', cell: (row) => end(c.internal_addr.at(row), c.internal_port.at(row)) },
    { name: 'external_addr', title: 'external', cell: (row) => end(c.external_addr.at(row), c.external_port.at(row)) },
    { name: 'translations', title: 'connections', number: true, cell: (row) => count(c.translations.at(row)) },
    { name: 'far_endpoints', title: 'far ends', number: true, cell: (row) => count(c.far_endpoints.at(row)) },
    { name: 'first_ns', title: 'first packet', cell: (row) => clock.time(c.first_ns.at(row)) },
    { name: 'last_ns', title: 'lived', number: true, cell: (row) => duration(c.last_ns.at(row) - c.first_ns.at(row)) },
    { name: 'id', title: 'in the capture', cell: life },
  ];
}

function Choice({ label, values, value, onChange }) {
  return (
    <label>{label}{' '}
      <select value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        <option value="">all</option>
        {values.map((name) => <option key={name} value={name}>{name}</option>)}
      </select>
    </label>
  );
}

function Filters({ table, asked, ask, clock }) {
  return (
    <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
      <label class="search">Search{' '}
        <input id="search" type="search" value={asked.text} placeholder="address, port, protocol" autocomplete="off" spellcheck={false}
          onInput={(event) => ask({ text: event.currentTarget.value })} />
      </label>
      <Choice label="Protocol" values={table.columns.protocol.words ?? []} value={asked.protocol} onChange={(protocol) => ask({ protocol })} />
      <Choice label="Kind" values={table.columns.kind.words ?? []} value={asked.kind} onChange={(kind) => ask({ kind })} />
      {asked.from !== null && (
        <button type="button" onClick={() => ask({ from: null, to: null })}>
          {clock.time(asked.from)} to {clock.time(asked.to)} <span aria-hidden="true">&times;</span><span class="hidden">give up this stretch of time</span>
        </button>
      )}
    </form>
  );
}

export function Mappings({ data, clock, onLadder }) {
  const table = data.mappings;
  const total = data.counts.at(0, 'mappings');
  const span = Math.max(1, data.counts.at(0, 'last_ns') ?? 1);
  const [asked, setAsked] = useState(nothingAsked);
  const [sort, setSort] = useState({ column: 'first_ns', down: false });
  const columns = useMemo(() => columnsOf(table, clock, span), [table, clock, span]);
  const timeless = useMemo(() => filterRows(table, { ...asked, from: null, to: null }), [table, asked.text, asked.protocol, asked.kind]);
  const rows = useMemo(() => sortRows(table, asked.from === null ? timeless : filterRows(table, asked), sort), [table, timeless, asked, sort]);
  const ask = (change) => setAsked((before) => ({ ...before, ...change }));
  const onSort = (column) => setSort((before) => ({ column, down: before.column === column && !before.down }));
  return (
    <section id="mappings" aria-label="Mappings">
      <h2>Mappings <span class="sub" role="status">{rows.length === table.length ? count(rows.length) : `${count(rows.length)} of ${count(table.length)}`}</span></h2>
      {total > table.length && <p class="sub">The first {count(table.length)} of {count(total)} in time; <code>natlens report --mappings {total}</code> shows all.</p>}
      {table.length === 0 ? <p class="none">No mapping: nothing was translated between the taps.</p> : (
        <>
          <Timeline table={table} rows={timeless} span={span} clock={clock} chosen={asked} onChoose={(from, to) => ask({ from, to })} />
          <Filters table={table} asked={asked} ask={ask} clock={clock} />
          <Grid label="Mappings" columns={columns} rows={rows} sort={sort} onSort={onSort} onOpen={(row) => onLadder({ mapping: table.at(row, 'id') })} />
        </>
      )}
    </section>
  );
}
