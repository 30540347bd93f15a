import { baseName, count, countOf, word } from './format.js';

const SHOWN_AT_ONCE = 50;

function facts(text) {
  try {
    const value = JSON.parse(text);
    return value !== null && typeof value === 'object' ? Object.entries(value) : [];
  } catch {
    return [];
  }
}

const shown = (value) => (value !== null && typeof value === 'object' ? JSON.stringify(value) : String(value));

/** The connection that shows it best: that of the cause, as `show findings` names it. */
function connectionOf(finding, frames) {
  const known = frames.filter((frame) => frame.connection_id !== null);
  const best = known.find((frame) => frame.role === 'cause') ?? known[0];
  return best?.connection_id ?? (finding.subject === 'connection' ? finding.subject_id : null);
}

function nextCommands(finding, frames, { database, fileName }) {
  const commands = [];
  const connection = connectionOf(finding, frames);
  const frame = frames.find((one) => one.frame !== null);
  if (connection !== null) commands.push(`natlens trace ${word(database)} ${connection}`);
  if (frame) commands.push(`natlens explain ${word(database)} ${word(`${fileName(frame.file_id)}:${frame.frame}`)}`);
  commands.push(`natlens explain ${word(finding.code)}`);
  return commands;
}

/** What the diagram is asked for; null: there is none of it. */
function diagramOf(finding, frames) {
  if (finding.subject === 'translation' || finding.subject === 'mapping') return { [finding.subject]: finding.subject_id };
  const connection = connectionOf(finding, frames);
  return connection === null ? null : { connection };
}

function Frames({ frames, context: { clock, fileName, tapName } }) {
  if (frames.length === 0) return null;
  const place = (frame) => (frame.frame === null ? `nothing at ${tapName(frame.tap_id)}` : `${fileName(frame.file_id)}:${frame.frame}`);
  return (
    <ul class="frames" aria-label="Frames">
      {frames.map((frame) => (
        <li key={frame.number}><span class="role">{frame.role}</span> <span class="mono">{place(frame)} <span class="sub">{clock.time(frame.time_ns)}</span></span></li>
      ))}
    </ul>
  );
}

function Finding({ finding, frames, context }) {
  const told = facts(finding.facts);
  const diagram = diagramOf(finding, frames);
  const meaning = context.meaning(finding.code);
  return (
    <article class={`card finding ${finding.severity}`}>
      <h3>
        <span class={`severity ${finding.severity}`}>{finding.severity}</span>
        <code>{finding.code}</code>
        {finding.variant && <span class="tag">{finding.variant}</span>}
        <span class="sub">{finding.confidence}, {countOf(finding.count, 'time', 'times')}, {context.clock.moment(finding.first_ns)}</span>
      </h3>
      <p>{finding.text ?? `About ${finding.subject} ${finding.subject_id}.`}</p>
      <Frames frames={frames} context={context} />
      {(told.length > 0 || meaning) && (
        <details>
          <summary>Facts and advice</summary>
          {meaning && <p><b>{meaning.brief}</b> {meaning.advice} <span class="sub">{meaning.reference}</span></p>}
          <dl class="facts">{told.map(([key, value]) => <div key={key}><dt>{key}</dt><dd>{shown(value)}</dd></div>)}</dl>
        </details>
      )}
      <p class="next">
        {diagram && <button type="button" onClick={() => context.onLadder(diagram)}>Diagram</button>}
        {nextCommands(finding, frames, context).map((command) => <code key={command}>{command}</code>)}
      </p>
    </article>
  );
}

function grouped(frames) {
  const found = new Map();
  for (const frame of frames) found.set(frame.finding_id, [...(found.get(frame.finding_id) ?? []), frame]);
  return found;
}

export function Findings({ data, clock, onLadder }) {
  const findings = data.findings.rows();
  const total = data.counts.at(0, 'findings');
  const paths = new Map(data.files.rows().map((file) => [file.id, baseName(file.path)]));
  const taps = new Map(data.taps.rows().map((tap) => [tap.id, tap.name]));
  const meanings = new Map(data.codes.rows().map((row) => [row.code, row]));
  const context = {
    clock, database: data.about.database, onLadder, fileName: (id) => paths.get(id) ?? '?', tapName: (id) => taps.get(id) ?? '?',
    meaning: (code) => meanings.get(code),
  };
  const frames = grouped(data.finding_frames.rows());
  const card = (finding) => <Finding key={finding.id} finding={finding} frames={frames.get(finding.id) ?? []} context={context} />;
  const roots = findings.filter((finding) => finding.explained_by === null);
  const explained = findings.filter((finding) => finding.explained_by !== null);
  return (
    <section id="findings" aria-label="Findings">
      <h2>Findings <span class="sub">{total > 0 ? count(total) : ''}</span></h2>
      {total === 0 && <p class="none">No findings: this database holds no diagnosed problem.</p>}
      {roots.slice(0, SHOWN_AT_ONCE).map(card)}
      {roots.length > SHOWN_AT_ONCE && (
        <details><summary>{count(roots.length - SHOWN_AT_ONCE)} more</summary>{roots.slice(SHOWN_AT_ONCE).map(card)}</details>
      )}
      {explained.length > 0 && (
        <details><summary>{count(explained.length)} explained by those above</summary>{explained.map(card)}</details>
      )}
      {total > findings.length && <p class="sub">{count(total - findings.length)} more are in the database only.</p>}
    </section>
  );
}
