import { render } from 'preact';
import { useState } from 'preact/hooks';
import { readData } from './data.js';
import { Findings } from './findings.jsx';
import { Clock, baseName } from './format.js';
import { LadderDialog } from './ladder.jsx';
import { Mappings } from './mappings.jsx';
import { Nats } from './nats.jsx';
import { Summary } from './summary.jsx';

const SECTIONS = [['summary', 'Summary'], ['nat', 'NAT'], ['findings', 'Findings'], ['mappings', 'Mappings']];

function Page({ data, clock }) {
  const [shown, show] = useState(null);
  const { counts, taps } = data;
  const all = counts.row(0);
  return (
    <>
      <header>
        <h1><b>natlens</b> {baseName(data.about.database)}</h1>
        <nav aria-label="Sections">
          {SECTIONS.map(([id, name]) => <a key={id} href={`#${id}`}>{name}</a>)}
        </nav>
        <p class="when">{clock.moment(0).slice(0, 19)} to {clock.moment(all.last_ns ?? 0).slice(11, 19)} UTC</p>
      </header>
      <main>
        <Summary data={data} clock={clock} />
        <Nats between={data.between.rows()} answers={data.answers.rows()} />
        <Findings data={data} clock={clock} onLadder={show} />
        <Mappings data={data} clock={clock} onLadder={show} />
      </main>
      <footer>
        Times in UTC by the clock of {taps.length > 0 ? taps.at(0, 'name') : 'the first tap'}. Written by natlens
        {' '}from {data.about.database}; everything shown is in this file.
      </footer>
      {shown && <LadderDialog key={JSON.stringify(shown)} data={data} clock={clock} asked={shown} onClose={() => show(null)} />}
    </>
  );
}

const data = readData();
document.title = `natlens: ${baseName(data.about.database)}`;
render(<Page data={data} clock={new Clock(data.about.origin_ns)} />, document.getElementById('page'));
// Told once the first picture is drawn; tests measure it.
requestAnimationFrame(() => setTimeout(() => {
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
}));
