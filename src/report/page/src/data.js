// The data of the page: tables by column, as the program wrote them.

class Column {
  constructor(cells) {
    this.words = Array.isArray(cells) ? null : cells.d;
    this.cells = Array.isArray(cells) ? cells : cells.i;
  }

  at(row) {
    const cell = this.cells[row];
    return this.words === null || cell === null ? cell : this.words[cell];
  }
}

export class Table {
  constructor(json) {
    this.length = json.n;
    this.columns = Object.fromEntries(
      Object.entries(json.c).map(([name, cells]) => [name, new Column(cells)]),
    );
  }

  at(row, name) {
    return this.columns[name].at(row);
  }

  /** One row as an object; for small tables and single rows. */
  row(index) {
    return Object.fromEntries(
      Object.entries(this.columns).map(([name, column]) => [name, column.at(index)]),
    );
  }

  rows() {
    return Array.from({ length: this.length }, (_, index) => this.row(index));
  }
}

function tables(json) {
  return Object.fromEntries(
    Object.entries(json).map(([name, value]) => [name, value.c ? new Table(value) : value]),
  );
}

export function readData() {
  return tables(JSON.parse(document.getElementById('natlens-data').textContent));
}

let ladders;

/** The tables of the diagrams, unpacked when they are first asked for. */
export function readLadders() {
  ladders ??= (async () => {
    const packed = atob(document.getElementById('natlens-ladders').textContent);
    const bytes = Uint8Array.from(packed, (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
    return indexed(tables(await new Response(stream).json()));
  })();
  return ladders;
}

/** Rows by the value of a column: value -> [row, ...]. */
function rowsBy(table, name) {
  const found = new Map();
  for (let row = 0; row < table.length; row += 1) {
    const key = table.at(row, name);
    if (key === null) continue;
    const rows = found.get(key);
    if (rows) rows.push(row);
    else found.set(key, [row]);
  }
  return found;
}

function indexed(data) {
  const { translations, connections, fates, states } = data;
  return {
    ...data,
    translationById: rowsBy(translations, 'id'),
    byMapping: rowsBy(translations, 'mapping_id'),
    byInside: rowsBy(translations, 'inside_connection_id'),
    byOutside: rowsBy(translations, 'outside_connection_id'),
    connectionById: rowsBy(connections, 'id'),
    fatesOf: rowsBy(fates, 'translation_id'),
    stateName: new Map(states.rows().map((state) => [`${state.protocol} ${state.number}`, state.name])),
  };
}
