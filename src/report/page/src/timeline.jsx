// How many mappings were alive at a time, by protocol; a stretch of time can be chosen in it.
import { scaleLinear, scaleUtc } from 'd3-scale';
import { area, curveStepAfter, stack } from 'd3-shape';
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { count } from './format.js';

const BINS = 240;
const HEIGHT = 150;
const MARGIN = { left: 44, right: 12, top: 10, bottom: 22 };
const MOST_PROTOCOLS = 4;

/** Per bin and protocol, the mappings that had their life in it. */
function alive(table, rows, span) {
  const { protocol, first_ns: first, last_ns: last } = table.columns;
  const totals = new Map();
  for (const row of rows) totals.set(protocol.at(row), (totals.get(protocol.at(row)) ?? 0) + 1);
  const order = [...totals].sort((one, other) => other[1] - one[1]).map(([name]) => name);
  const names = order.length > MOST_PROTOCOLS ? [...order.slice(0, MOST_PROTOCOLS - 1), 'other'] : order;
  const changes = new Map(names.map((name) => [name, new Float64Array(BINS + 1)]));
  const bin = (ns) => Math.max(0, Math.min(BINS - 1, Math.floor((ns / span) * BINS)));
  for (const row of rows) {
    const change = changes.get(protocol.at(row)) ?? changes.get('other');
    change[bin(first.at(row))] += 1;
    change[bin(last.at(row)) + 1] -= 1;
  }
  const bins = Array.from({ length: BINS }, () => ({}));
  for (const [name, change] of changes) {
    let now = 0;
    for (let i = 0; i < BINS; i += 1) {
      now += change[i];
      bins[i][name] = now;
    }
  }
  return { names, bins };
}

/** As short as the ticks of such a span allow. */
function tickText(span) {
  const [from, to] = span > 2 * 86400e9 ? [5, 16] : span > 600e9 ? [11, 16] : span > 10e9 ? [11, 19] : [11, 21];
  return (date) => date.toISOString().replace('T', ' ').slice(from, to);
}

function useWidth(element) {
  const [width, setWidth] = useState(1000);
  useLayoutEffect(() => {
    const watch = new ResizeObserver(([entry]) => setWidth(Math.max(300, Math.round(entry.contentRect.width))));
    watch.observe(element.current);
    return () => watch.disconnect();
  }, []);
  return width;
}

/** Dragging, or the arrow keys (with Shift they widen), choose a stretch; Escape gives it up. */
function useChoice({ span, x, chosen, onChoose }) {
  const [start, setStart] = useState(null);
  const at = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    return Math.max(0, Math.min(span, x.invert(event.clientX - box.left)));
  };
  const choose = (one, other) => onChoose(Math.min(one, other), Math.max(one, other));
  const step = span / 40;
  return {
    onPointerDown: (event) => {
      event.currentTarget.setPointerCapture(event.pointerId);
      setStart(at(event));
    },
    onPointerMove: (event) => start !== null && choose(start, at(event)),
    onPointerUp: (event) => {
      if (start !== null && Math.abs(at(event) - start) < span / 500) onChoose(null, null);
      setStart(null);
    },
    onKeyDown: (event) => {
      if (event.key === 'Escape') onChoose(null, null);
      const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!way) return;
      event.preventDefault();
      const { from, to } = chosen.from === null ? { from: way > 0 ? -step : span, to: way > 0 ? 0 : span + step } : chosen;
      const move = way * step;
      onChoose(Math.max(0, event.shiftKey ? from : from + move), Math.min(span, Math.max(step, to + move)));
    },
  };
}

function Areas({ names, bins, x, y, span }) {
  const shape = area()
    .curve(curveStepAfter)
    .x((_, i) => x((i / BINS) * span))
    .y0((layer) => y(layer[0]))
    .y1((layer) => y(layer[1]));
  const layers = stack().keys(names)([...bins, bins[BINS - 1]]);
  return layers.map((layer, i) => <path key={names[i]} class={`area p${i}`} d={shape(layer)} />);
}

export function Timeline({ table, rows, span, clock, chosen, onChoose }) {
  const holder = useRef(null);
  const width = useWidth(holder);
  const { names, bins } = useMemo(() => alive(table, rows, span), [table, rows, span]);
  const most = Math.max(1, ...bins.map((bin) => names.reduce((sum, name) => sum + bin[name], 0)));
  const x = scaleLinear([0, span], [MARGIN.left, width - MARGIN.right]);
  const y = scaleLinear([0, most], [HEIGHT - MARGIN.bottom, MARGIN.top]).nice(3);
  const dates = scaleUtc([clock.date(0), clock.date(span)], [MARGIN.left, width - MARGIN.right]);
  const dateText = tickText(span);
  const choice = useChoice({ span, x, chosen, onChoose });
  return (
    <figure class="timeline" ref={holder}>
      <figcaption>
        Mappings alive
        {names.map((name, i) => <span key={name} class="legend"><i class={`key p${i}`} />{name}</span>)}
        <span class="sub">drag, or arrow keys, to choose a stretch of time</span>
      </figcaption>
      <svg width={width} height={HEIGHT} tabindex="0" role="img" aria-label={`Time line: at most ${most} mappings alive at once`} {...choice}>
        {y.ticks(3).filter(Number.isInteger).map((tick) => (
          <g key={tick}>
            <line class="rule" x1={MARGIN.left} x2={width - MARGIN.right} y1={y(tick)} y2={y(tick)} />
            <text class="axis" x={MARGIN.left - 6} y={y(tick) + 4} text-anchor="end">{count(tick)}</text>
          </g>
        ))}
        <Areas names={names} bins={bins} x={x} y={y} span={span} />
        {dates.ticks(Math.floor(width / 130)).map((date) => (
          <text key={+date} class="axis" x={dates(date)} y={HEIGHT - 6} text-anchor="middle">{dateText(date)}</text>
        ))}
        {chosen.from !== null && (
          <rect class="chosen" x={x(chosen.from)} width={Math.max(1, x(chosen.to) - x(chosen.from))} y={MARGIN.top} height={HEIGHT - MARGIN.top - MARGIN.bottom} />
        )}
      </svg>
    </figure>
  );
}
