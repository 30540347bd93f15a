// From the events of a connection at two taps to the rungs of its ladder.

const SAME_EVENT_NS = 1e9;
const OPEN_RUNGS = 16; // how far back a partner is looked for
const KINDS = ['NEW', 'UPDATE', 'DESTROY'];
const REPLIED = 2;
const ASSURED = 4;

function eventText(kind, state, status) {
  const flags = (status & REPLIED) === 0 ? 'UNREPLIED' : (status & ASSURED) !== 0 ? 'ASSURED' : 'REPLIED';
  if (KINDS[kind] === 'UPDATE') return state ?? flags;
  return state ? `${KINDS[kind]} ${state}` : KINDS[kind];
}

/** The file of a frame that is counted over all files of its source, and its number there. */
function frameName(files, source, ordinal) {
  const own = files.filter((file) => file.source === source && file.first_ordinal <= ordinal);
  const file = own.sort((one, other) => other.first_ordinal - one.first_ordinal)[0];
  return file ? ordinal - file.first_ordinal + 1 : null;
}

/** `side`: 0 inside, 1 outside. */
export function connectionEvents(connection, side, ladders, files, source) {
  let packed;
  try {
    packed = JSON.parse(connection.events ?? '[]');
  } catch {
    packed = [];
  }
  let before = 0;
  return packed.map(([after, ordinal, kind, stateNumber, , status]) => {
    const answers = kind !== 0 && ordinal !== 0 && (before & REPLIED) === 0 && (status & REPLIED) !== 0;
    before = status;
    const state = stateNumber === null ? null : ladders.stateName.get(`${connection.protocol} ${stateNumber}`) ?? String(stateNumber);
    return {
      time: connection.start_ns + after,
      side,
      text: eventText(kind, state, status),
      // Whose packet it was: the opener's, or its partner's.
      opens: kind === 0 || (kind === 1 && connection.protocol === 'tcp' && state === 'ESTABLISHED'),
      answers,
      frame: ordinal === 0 ? null : frameName(files, source, ordinal),
      timer: ordinal === 0,
    };
  });
}

/**
 * In order of time an event joins the earliest rung that has the same text, has nothing of its tap
 * yet, began less than a second ago and comes after the tap's last rung; else it starts a new one.
 */
export function rungsOf(events) {
  const rungs = [];
  const next = [0, 0];
  for (const event of [...events].sort((one, other) => one.time - other.time)) {
    let i = Math.max(next[event.side], rungs.length - OPEN_RUNGS, 0);
    while (i < rungs.length && (rungs[i].text !== event.text || rungs[i].fate || event.fate || event.time - rungs[i].time > SAME_EVENT_NS)) i += 1;
    if (i === rungs.length) rungs.push({ ...event, at: [null, null] });
    rungs[i].at[event.side] = event;
    next[event.side] = i + 1;
  }
  return rungs;
}
