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

function nextCommands(finding, frames, database, fileName) {
  const commands = [];
  if (finding.subject === 'connection') commands.push(`natlens trace ${word(database)} ${finding.subject_id}`);
  const frame = frames.find((one) => one.frame !== null);
  if (frame) commands.push(`natlens explain ${word(database)} ${word(`${fileName(frame.file_id)}:${frame.frame}`)}`);
  commands.push(`natlens explain ${finding.code}`);
  return commands;
}

function Finding({ finding, frames, context }) {
  const { clock, database, fileName, onLadder } = context;
  const told = facts(finding.facts);
  const traced = finding.subject === 'connection' || finding.subject === 'translation' || finding.subject === 'mapping';
  return (
    <article class={`card finding ${finding.severity}`}>
      <h3>
        <span class={`severity ${finding.severity}`}>{finding.severity}</span>
        <code>{finding.code}</code>
        {finding.variant && <span class="tag">{finding.variant}</span>}
        <span class="sub">{finding.confidence}, {countOf(finding.count, 'time', 'times')}, {clock.moment(finding.first_ns)}</span>
      </h3>
      <p>{finding.text ?? `About ${finding.subject} ${finding.subject_id}.`}</p>
      {told.length > 0 && (
        <dl class="facts">{told.map(([key, value]) => <div key={key}><dt>{key}</dt><dd>{shown(value)}</dd></div>)}</dl>
      )}
      {frames.length > 0 && (
        <ul class="frames" aria-label="Frames">
          {frames.map((frame) => (
            <li key={frame.number}><span class="role">{frame.role}</span>
              <span class="mono">{frame.frame === null ? '' : `${fileName(frame.file_id)}:${frame.frame}`} {frame.time_ns === null ? '' : clock.time(frame.time_ns)}</span></li>
          ))}
        </ul>
      )}
      <p class="next">
        {traced && <button type="button" onClick={() => onLadder({ [finding.subject]: finding.subject_id })}>Diagram</button>}
        {nextCommands(finding, frames, database, fileName).map((command) => <code key={command}>{command}</code>)}
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
  const context = { clock, database: data.about.database, fileName: (id) => paths.get(id) ?? '?', onLadder };
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
