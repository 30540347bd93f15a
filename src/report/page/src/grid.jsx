// A table of any length of which only the rows in sight exist. The keyboard moves a marked row.
import { Virtualizer, elementScroll, observeElementOffset, observeElementRect } from '@tanstack/virtual-core';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

const ROW_HEIGHT = 26;
const PAGE = 15;

function useVirtualizer(scroller, rows) {
  const [, redraw] = useState(0);
  const virtualizer = useRef(null);
  const options = {
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 8,
    initialRect: { width: 1000, height: 520 },
    scrollToFn: elementScroll,
    observeElementRect,
    observeElementOffset,
    onChange: () => redraw((version) => version + 1),
  };
  virtualizer.current ??= new Virtualizer(options);
  virtualizer.current.setOptions(options);
  useEffect(() => virtualizer.current._didMount(), []);
  useLayoutEffect(() => virtualizer.current._willUpdate());
  return virtualizer.current;
}

const STEPS = {
  ArrowDown: (at) => at + 1,
  ArrowUp: (at) => at - 1,
  PageDown: (at) => at + PAGE,
  PageUp: (at) => at - PAGE,
  Home: () => 0,
  End: (at, rows) => rows - 1,
};

function Heads({ columns, sort, onSort }) {
  return (
    <div role="row" class="row heads">
      {columns.map(({ name, title, number }) => {
        const sorted = sort.column === name;
        return (
          <div key={name} role="columnheader" class={number ? 'n' : ''} aria-sort={sorted ? (sort.down ? 'descending' : 'ascending') : 'none'}>
            <button type="button" onClick={() => onSort(name)}>{title}{sorted && <span aria-hidden="true">{sort.down ? ' \u25be' : ' \u25b4'}</span>}</button>
          </div>
        );
      })}
    </div>
  );
}

/** `columns`: {name, title, number, cell(row)}; `rows`: row numbers in order; `onOpen(row)`. */
export function Grid({ label, columns, rows, sort, onSort, onOpen }) {
  const scroller = useRef(null);
  const virtualizer = useVirtualizer(scroller, rows);
  const [marked, mark] = useState(0);
  const at = Math.min(marked, rows.length - 1);
  useEffect(() => {
    mark(0);
    if (scroller.current) scroller.current.scrollTop = 0;
  }, [rows]);

  const onKeyDown = (event) => {
    if (event.target !== scroller.current || rows.length === 0) return;
    if (event.key === 'Enter') onOpen(rows[at]);
    const step = STEPS[event.key];
    if (!step) return;
    event.preventDefault();
    const next = Math.max(0, Math.min(rows.length - 1, step(at, rows.length)));
    mark(next);
    virtualizer.scrollToIndex(next, { align: 'auto' });
  };

  return (
    <div role="grid" aria-label={label} aria-rowcount={rows.length + 1} class="grid">
      <Heads columns={columns} sort={sort} onSort={onSort} />
      <div class="body" ref={scroller} tabindex="0" onKeyDown={onKeyDown} role="rowgroup" aria-label={`${label}: arrow keys move, Enter opens`}
        aria-activedescendant={rows.length > 0 ? `row-${rows[at]}` : undefined}>
        <div class="space" style={{ height: `${virtualizer.getTotalSize()}px` }}>
          {virtualizer.getVirtualItems().filter((item) => item.index < rows.length).map((item) => {
            const row = rows[item.index];
            return (
              <div key={row} id={`row-${row}`} role="row" aria-rowindex={item.index + 2} aria-selected={item.index === at}
                class={`row${item.index === at ? ' marked' : ''}`} style={{ transform: `translateY(${item.start}px)` }}
                onClick={() => { mark(item.index); onOpen(row); }}>
                {columns.map((column) => <div key={column.name} role="gridcell" class={column.number ? 'n' : ''}>{column.cell(row)}</div>)}
              </div>
            );
          })}
        </div>
        {rows.length === 0 && <p class="none">No mapping fits.</p>}
      </div>
    </div>
  );
}
