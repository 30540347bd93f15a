import { count, kinds } from './format.js';
import { relation } from './summary.jsx';

/** Open questions with one line each, whatever protocols they are open for. */
function openQuestions(answers) {
  const byQuestion = new Map();
  for (const row of answers.filter((answer) => answer.answer === null)) {
    const known = byQuestion.get(row.question);
    if (known) known.protocols.push(row.protocol);
    else byQuestion.set(row.question, { protocols: [row.protocol], needs: row.needs });
  }
  return [...byQuestion];
}

function Card({ nat, answers }) {
  const told = answers.filter((answer) => answer.answer !== null);
  const open = openQuestions(answers);
  return (
    <article class="card">
      <h3>{nat.inside} <span class="arrow" aria-label="to">&rarr;</span> {nat.outside}<span class="tag">{relation(nat.relation)}</span></h3>
      <p class="sub">{kinds(nat)}{nat.external && <>, external <span class="mono">{nat.external}</span></>}</p>
      {told.length > 0 && (
        <div class="scroll" tabindex="0" role="region" aria-label="Report card">
          <table>
            <thead><tr><th>question</th><th>protocol</th><th>answer</th><th>how sure</th><th class="n">evidence</th><th>for example</th></tr></thead>
            <tbody>
              {told.map((row) => (
                <tr key={`${row.question} ${row.protocol}`}>
                  <th scope="row">{row.question}</th><td>{row.protocol}</td><td><b>{row.answer}</b></td>
                  <td><span class={`sure ${row.confidence}`}>{row.confidence}</span></td><td class="n">{row.evidence}</td>
                  <td class="mono">{row.example}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {open.length > 0 && (
        <details>
          <summary>{count(open.length)} undetermined, and what would decide them</summary>
          <dl>
            {open.map(([question, { protocols, needs }]) => (
              <div key={question}><dt>{question} <span class="sub">{protocols.join(', ')}</span></dt><dd>{needs}</dd></div>
            ))}
          </dl>
        </details>
      )}
    </article>
  );
}

export function Nats({ between, answers }) {
  const cards = between.filter((nat) => answers.some((answer) => answer.nat_id === nat.id));
  return (
    <section id="nat" aria-label="NAT report card">
      <h2>NAT report card</h2>
      {cards.length === 0 && <p class="none">Nothing that translates was seen between the taps.</p>}
      {cards.map((nat) => (
        <Card key={nat.id} nat={nat} answers={answers.filter((answer) => answer.nat_id === nat.id)} />
      ))}
    </section>
  );
}
