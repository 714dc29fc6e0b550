// Asks the daemon every few seconds, and brings the page up to date.
import { badge, dress, dress_badge, keep, make, say, show } from './dom.js';
import { clock, count, duration } from './format.js';
import { judge, reason_of, state_of } from './judge.js';
import { Daemon, DaemonError, NoAnswer } from './poll.js';
import { Services } from './services.js';
import { update_about, update_drops, update_events, update_interfaces, update_tables, update_totals } from './tables.js';

const kPeriod = 3000;  // milliseconds from an answer to the next question
const kMostProblems = 12;

const daemon = new Daemon();
const services = new Services(daemon);
const part = Object.fromEntries(['answered', 'trouble', 'verdict', 'summary', 'problems', 'more-problems',
  'announcement'].map((id) => [id, document.getElementById(id)]));
let answered = null;  // when, milliseconds
let failure = null;
let said = null;  // what was last announced
let timer = 0;
let busy = false;

function update_verdict() {
  const { level, summary, key, said: all } = judge(daemon);
  dress(part.verdict, level);
  say(part.summary, summary);
  // a number that changes is no news
  if (key !== said) say(part.announcement, summary);
  said = key;
  document.title = `${level === 'good' ? 'well' : all[0].text} – Weir`;
  update_problems(all);
}

function update_problems(all) {
  const host = all.filter(({ more }) => more).map(({ level, text, more, key }) => ({ key, level, word: text, text: more }));
  const backends = daemon.attention.map((backend) => {
    const [level, word] = state_of(backend);
    const why = reason_of(backend);
    return { key: `${backend.service} ${backend.backend}`, level, word,
      text: `${backend.service}, ${backend.backend}${why ? `: ${why}` : ''}` };
  });
  const order = ['bad', 'warn', 'note', 'good'];
  backends.sort((one, other) => order.indexOf(one.level) - order.indexOf(other.level));
  const list = host.concat(backends);
  keep(part.problems, list.slice(0, kMostProblems), ({ key }) => key,
    () => make('li', {}, badge('note', ''), make('span')),
    (element, { level, word, text }) => {
      dress_badge(element.firstChild, level, word);
      say(element.lastChild, ` ${text}`);
    });
  const wanting = daemon.services.reduce((sum, service) => sum + service.attention, 0) + host.length;
  const rest = wanting - Math.min(list.length, kMostProblems);
  show(part['more-problems'], rest > 0);
  say(part['more-problems'], `And ${count(rest, 'more backend')}: open their services below, which come first.`);
}

function update() {
  update_verdict();
  update_totals(daemon);
  services.update();
  update_drops(daemon);
  update_tables(daemon);
  update_interfaces(daemon);
  update_events(daemon);
  update_about(daemon);
}

function describe(error) {
  if (error instanceof NoAnswer) return 'The daemon does not answer.';
  if (error instanceof DaemonError) return `The daemon cannot tell: ${error.message}.`;
  return `This page itself has failed: ${error.message}.`;
}

// How old what is seen is.
function update_age() {
  const age = answered === null ? '' : duration((Date.now() - answered) / 1000);
  if (answered !== null) say(part.answered, failure ? `Last answer ${age} ago.` : `Answered ${age} ago.`);
  document.body.classList.toggle('old', failure !== null);
  show(part.trouble, failure !== null);
  if (failure === null) return;
  const since = answered === null ? '' : ` What is below is old, from ${clock(answered / 1000)}.`;
  say(part.trouble, describe(failure) + since);
  // nobody shall read that all is well
  say(part.summary, answered === null ? 'Nothing is known.' : `Last known: ${judge(daemon).summary}`);
  dress(part.verdict, '');
  document.title = 'no answer – Weir';
}

async function poll() {
  if (busy) return;
  busy = true;
  clearTimeout(timer);
  try {
    await daemon.follow();
    answered = Date.now();
    failure = null;
    update();
    await services.follow();
  } catch (error) {
    failure = error;
    if (!(error instanceof NoAnswer || error instanceof DaemonError)) reportError(error);
  }
  update_age();
  busy = false;
  if (!document.hidden) timer = setTimeout(poll, kPeriod);
}

document.addEventListener('visibilitychange', () => {
  if (!document.hidden) poll();
});
setInterval(update_age, 1000);
poll();
