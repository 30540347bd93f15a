// A connection as the two taps of a translation saw it, with what lies between them in the middle.
import { useEffect, useRef, useState } from 'preact/hooks';
import { readLadders } from './data.js';
import { baseName, count, duration, end, tuple, word } from './format.js';
import { connectionEvents, rungsOf } from './rungs.js';

const MOST_RUNGS = 120;
const MOST_CHOICES = 200;
const X = { clock: 76, left: 150, inside: 300, box: 480, outside: 660, right: 810, width: 960 };
const TOP = 74;
const STEP = 40;
const FATES = {
  only_before: 'not seen behind it', only_after: 'not seen before it', only_here: 'seen here only', duplicated: 'twice',
  reordered: 'out of order', changed: 'changed',
};

/** Rows of `translations` for what was asked, and connections without any. */
function find(ladders, asked) {
  if (asked.translation !== undefined) return ladders.translationById.get(asked.translation) ?? [];
  if (asked.mapping !== undefined) return ladders.byMapping.get(asked.mapping) ?? [];
  return [...(ladders.byInside.get(asked.connection) ?? []), ...(ladders.byOutside.get(asked.connection) ?? [])];
}

const isRight = (translation, direction) =>
  (direction === 'original') === ((translation.opened_from === 'inside') !== (translation.turned === 'inside'));

function fateEvents(ladders, translation) {
  return (ladders.fatesOf.get(translation.id) ?? []).map((row) => {
    const fate = ladders.fates.row(row);
    const side = fate.connection_id === translation.inside_connection_id ? 0 : 1;
    return {
      time: fate.time_ns, side, fate: fate.fate, right: isRight(translation, fate.direction), frame: fate.frame,
      text: `packet ${FATES[fate.fate] ?? fate.fate}${fate.note ? `: ${fate.note}` : ''}`,
    };
  });
}

function view(data, ladders, row) {
  const translation = ladders.translations.row(row);
  const sides = [translation.inside_connection_id, translation.outside_connection_id].map((id) => {
    const connection = ladders.connections.row(ladders.connectionById.get(id)[0]);
    const tap = data.taps.rows().find((one) => one.id === connection.tap_id);
    return { connection, tap };
  });
  const files = data.files.rows();
  const events = sides.flatMap(({ connection, tap }, side) => connectionEvents(connection, side, ladders, files, tap.source));
  const rungs = rungsOf([...events, ...fateEvents(ladders, translation)]);
  const apart = sides.reduce((sum, { tap }) => sum + (tap.clock_error_ns ?? 0), 0);
  return { translation, sides, rungs, apart };
}

/** The ends as shown: who is left of the inside tap, who is right of the outside one. */
function ends({ translation, sides: [inside, outside] }) {
  const src = (c) => end(c.src, c.protocol.startsWith('icmp') ? null : c.sport);
  const dst = (c) => end(c.dst, c.protocol.startsWith('icmp') ? null : c.dport);
  const leftOpens = translation.opened_from === 'inside';
  const [near, far] = [inside.connection, outside.connection];
  const nearTurned = translation.turned === 'inside';
  const farTurned = translation.turned === 'outside';
  return {
    left: leftOpens !== nearTurned ? src(near) : dst(near),
    right: leftOpens !== farTurned ? dst(far) : src(far),
  };
}

/** Which way a rung went: true right, false left, null unknown. */
function way(rung, { translation, apart }) {
  if (rung.right !== undefined) return rung.right;
  if (rung.opens || rung.answers) return (translation.opened_from === 'inside') === rung.opens;
  if (rung.timer || rung.at[0] === null || rung.at[1] === null) return null;
  const later = rung.at[1].time - rung.at[0].time;
  return Math.abs(later) > apart ? later > 0 : null;
}

function Head({ x, y, right }) {
  const back = right ? -8 : 8;
  return <path class="head" d={`M${x} ${y} l${back} -4 v8 z`} />;
}

function Passing({ rung, right, y }) {
  const [from, one, other, to] = right ? [X.left, X.inside, X.outside, X.right] : [X.right, X.outside, X.inside, X.left];
  return (
    <g>
      <path class="line" d={`M${from} ${y} H${one} L${other} ${y + 8} H${to}`} />
      <Head x={to} y={y + 8} right={right} />
      <text class="later" x={X.box} y={y + 19} text-anchor="middle">+{duration(Math.abs(rung.at[1].time - rung.at[0].time))}</text>
    </g>
  );
}

/** A packet that ended, or began, between the taps. */
function Broken({ rung, right, y }) {
  const stops = rung.fate === 'only_before' || (rung.fate !== 'only_after' && (rung.side === 0) === right);
  const host = rung.side === 0 ? X.left : X.right;
  const [from, to] = stops ? [host, X.box] : [X.box, host];
  return (
    <g class="broken">
      <path class="line" d={`M${from} ${y} H${to}`} />
      {stops ? <path class="cross" d={`M${to - 5} ${y - 5} l10 10 m0 -10 l-10 10`} /> : <Head x={to} y={y} right={right} />}
    </g>
  );
}

function Rung({ rung, y, shown, start }) {
  const right = way(rung, shown);
  const both = rung.at[0] !== null && rung.at[1] !== null;
  const broken = rung.fate === 'only_before' || rung.fate === 'only_after' || rung.fate === 'only_here';
  const labelAt = both || broken ? X.box : rung.side === 0 ? X.inside : X.outside;
  return (
    <g class="rung">
      <text class="clock" x={X.clock} y={y + 4} text-anchor="end">{((rung.time - start) / 1e9).toFixed(6)}</text>
      {broken && <Broken rung={rung} right={right} y={y} />}
      {both && right !== null && <Passing rung={rung} right={right} y={y} />}
      {both && right === null && <path class={`line${rung.timer ? ' timer' : ''}`} d={`M${X.inside} ${y} H${X.outside}`} />}
      {rung.at.map((event, side) => event && (
        <g key={side}>
          <circle class={event.timer ? 'dot timer' : 'dot'} cx={side === 0 ? X.inside : X.outside} cy={both && right !== null && right === (side === 1) ? y + 8 : y} r="3.5" />
          {event.frame !== null && (
            <text class="frame" x={side === 0 ? X.inside - 8 : X.outside + 8} y={(both && right !== null && right === (side === 1) ? y + 8 : y) - 5} text-anchor={side === 0 ? 'end' : 'start'}>
              #{event.frame}
            </text>
          )}
        </g>
      ))}
      <text class={broken ? 'label bad' : 'label'} x={labelAt} y={y - 6} text-anchor="middle">{rung.text}{rung.timer ? ' (timer)' : ''}</text>
    </g>
  );
}

function Lifelines({ shown, height }) {
  const { left, right } = ends(shown);
  const lane = (x, name, below, kind) => (
    <g class={`lane ${kind}`}>
      <line x1={x} x2={x} y1={TOP - 22} y2={height - 10} />
      <text class="name" x={x} y={24} text-anchor="middle">{name}</text>
      <text class="below" x={x} y={42} text-anchor="middle">{below}</text>
    </g>
  );
  const [inside, outside] = shown.sides;
  return (
    <>
      <rect class="box" x={X.box - 42} width="84" y={TOP - 26} height={height - TOP + 16} rx="6" />
      <text class="name" x={X.box} y={24} text-anchor="middle">{shown.translation.kind}</text>
      <text class="below" x={X.box} y={42} text-anchor="middle">{shown.translation.confidence}, {Math.round(shown.translation.bits)} bits</text>
      {lane(X.left, 'inside end', left, 'host')}
      {lane(X.inside, inside.tap.name, 'tap', 'tap')}
      {lane(X.outside, outside.tap.name, 'tap', 'tap')}
      {lane(X.right, 'outside end', right, 'host')}
    </>
  );
}

function Diagram({ shown }) {
  const { rungs } = shown;
  const most = rungs.slice(0, MOST_RUNGS);
  const height = TOP + STEP * most.length + 24;
  const start = rungs[0]?.time ?? 0;
  return (
    <div class="scroll" tabindex="0" role="region" aria-label="Diagram">
      <svg class="ladder" viewBox={`0 0 ${X.width} ${height}`} role="img" aria-label={`Sequence diagram with ${rungs.length} events`}>
        <text class="clock" x={X.clock} y={42} text-anchor="end">seconds</text>
        <Lifelines shown={shown} height={height} />
        {most.map((rung, i) => <Rung key={i} rung={rung} y={TOP + STEP * i + 10} shown={shown} start={start} />)}
      </svg>
      {rungs.length > most.length && <p class="sub">{count(rungs.length - most.length)} later events are left out.</p>}
    </div>
  );
}

function Counts({ shown: { translation: t, sides } }) {
  const [inside, outside] = sides.map(({ tap }) => tap.name);
  return (
    <table class="counts">
      <thead><tr><th>packets</th><th class="n">at both</th><th class="n">{inside} only</th><th class="n">{outside} only</th><th class="n">median delay</th></tr></thead>
      <tbody>
        {['original', 'reply'].map((direction) => (
          <tr key={direction}>
            <th scope="row">{isRight(t, direction) ? `${inside} to ${outside}` : `${outside} to ${inside}`}</th>
            <td class="n">{count(t[`${direction}_both`])}</td><td class="n">{count(t[`${direction}_inside_only`])}</td>
            <td class="n">{count(t[`${direction}_outside_only`])}</td><td class="n">{duration(t[`${direction}_latency_median_ns`])}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Evidence({ text }) {
  let pieces;
  try {
    pieces = JSON.parse(text);
  } catch {
    pieces = [];
  }
  if (!Array.isArray(pieces) || pieces.length === 0) return null;
  return (
    <details>
      <summary>Why these are one connection</summary>
      <table><tbody>
        {pieces.map((piece, i) => (
          <tr key={i}><th scope="row">{String(piece.field)}</th><td class="n">{Number(piece.bits).toFixed(1)} bits</td><td>{String(piece.note ?? '')}</td></tr>
        ))}
      </tbody></table>
    </details>
  );
}

function Connection({ shown, database }) {
  const [inside, outside] = shown.sides;
  const line = ({ connection: c, tap }) => (
    <div key={tap.id}><dt>{tap.name}</dt><dd class="mono">{c.protocol} {tuple(c)} <span class="tag">{c.state ?? (c.close_reason === 'end' ? 'alive at the end' : c.close_reason)}</span></dd></div>
  );
  return (
    <>
      <dl class="sides">{line(inside)}{line(outside)}</dl>
      <Diagram shown={shown} />
      <p class="sub">Packets that changed the connection's state, with their frame at each tap, and those that one tap alone saw or that came changed.</p>
      <Counts shown={shown} />
      <Evidence text={shown.translation.evidence} />
      <p class="next"><code>natlens trace {word(database)} {inside.connection.id}</code></p>
    </>
  );
}

function Choose({ data, ladders, rows, chosen, choose }) {
  if (rows.length < 2) return null;
  const text = (row) => {
    const shown = ladders.connections.row(ladders.connectionById.get(ladders.translations.at(row, 'outside_connection_id'))[0]);
    return tuple(shown);
  };
  return (
    <label class="choose">{count(rows.length)} connections{' '}
      <select value={chosen} onChange={(event) => choose(Number(event.currentTarget.value))}>
        {rows.slice(0, MOST_CHOICES).map((row) => <option key={row} value={row}>{text(row)}</option>)}
      </select>
    </label>
  );
}

const missing = (data, asked) => {
  const database = word(baseName(data.about.database));
  if (asked.connection !== undefined) return `It has no partner at another tap: natlens trace ${database} ${asked.connection}`;
  return `This page holds no diagram of it; natlens report ${database} --ladders N makes one with more.`;
};

export function LadderDialog({ data, asked, onClose }) {
  const dialog = useRef(null);
  const [ladders, setLadders] = useState(null);
  const [failed, fail] = useState(null);
  const [chosen, choose] = useState(null);
  useEffect(() => {
    dialog.current.showModal();
    readLadders().then(setLadders, (error) => fail(String(error)));
  }, []);
  const rows = ladders ? find(ladders, asked) : [];
  const row = chosen ?? rows[0];
  return (
    <dialog ref={dialog} onClose={onClose} aria-label="Connection" onClick={(event) => event.target === dialog.current && dialog.current.close()}>
      <div class="inner">
        <header class="bar"><h2>Connection at both taps</h2><button type="button" onClick={() => dialog.current.close()}>Close</button></header>
        {failed && <p class="none">The diagrams cannot be unpacked: {failed}</p>}
        {!ladders && !failed && <p class="none">Reading...</p>}
        {ladders && rows.length === 0 && <p class="none">{missing(data, asked)}</p>}
        {row !== undefined && (
          <>
            <Choose data={data} ladders={ladders} rows={rows} chosen={row} choose={choose} />
            <Connection key={row} shown={view(data, ladders, row)} database={data.about.database} />
          </>
        )}
      </div>
    </dialog>
  );
}
