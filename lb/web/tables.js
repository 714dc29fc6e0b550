// Everything of the page that is not services: totals, drops, tables, interfaces, events.
import { badge, dress_badge, keep, make, say, show } from './dom.js';
import { bits, clock, count, duration, part_of, percent, rate } from './format.js';
import { now, sum } from './poll.js';
import { draw, make_sparkline } from './sparkline.js';

const kEventsAtFirst = 10;
const kFull = 0.9;

function body_of(id) {
  return document.querySelector(`#${id} tbody`);
}

function row_of(cells) {
  return make('tr', {}, make('th', { scope: 'row' }), ...cells.map((cell) => make('td', {}, cell)));
}

const kTotals = [
  { what: 'Traffic to backends', of: 'forward_bytes', words: bits },
  { what: 'Traffic to clients', of: 'reply_bytes', words: bits },
  { what: 'Packets to backends', of: 'forward_packets', words: (value) => rate(value, 'packets/s') },
  { what: 'Packets to clients', of: 'reply_packets', words: (value) => rate(value, 'packets/s') },
  { what: 'New flows', of: 'new_flows', words: (value) => rate(value, 'flows/s') },
  { what: 'Drops', of: null, words: (value) => rate(value, 'packets/s') },
];

export function update_totals({ history }) {
  const services = Array.from(history.services.values());
  keep(document.getElementById('totals'), kTotals, ({ what }) => what,
    ({ what }) => make('div', {}, make('dt', {}, what), make('dd', {}, make('span'), make_sparkline())),
    (element, { what, of, words }) => {
      const series = sum(of ? services.map((service) => service[of]) : Object.values(history.drops));
      say(element.querySelector('span'), words(now(series)));
      draw(element.querySelector('svg'), series, history, what, words);
    });
}

export function update_drops({ status, history }) {
  const seen = Object.entries(status.drops).filter(([, packets]) => packets > 0)
    .sort(([one, packets], [other, more]) =>
      (now(history.drops[other]) ?? 0) - (now(history.drops[one]) ?? 0) || more - packets);
  show(document.getElementById('no-drops'), seen.length === 0);
  show(document.getElementById('drops-table'), seen.length > 0);
  keep(body_of('drops'), seen, ([reason]) => reason, () => row_of([make('span'), '']),
    (element, [reason, packets]) => {
      const [name, current, all] = element.children;
      if (!current.querySelector('svg')) current.append(make_sparkline());
      const words = (value) => rate(value, 'packets/s');
      const series = history.drops[reason] ?? [];
      say(name, reason);
      say(current.firstChild, words(now(series)));
      draw(current.lastChild, series, history, reason, words);
      say(all, count(packets, 'packet'));
    });
}

export function update_tables({ status }) {
  const fullest = [...status.tables].sort((one, other) =>
    other.entries / other.capacity - one.entries / one.capacity);
  keep(body_of('tables'), fullest, ({ name }) => name,
    () => row_of([make('span'), '']),
    (element, { name, entries, capacity }) => {
      const [title, full, number] = element.children;
      const share = entries / capacity;
      say(title, name);
      if (!full.querySelector('meter')) full.append(make('meter', { min: 0, max: 1, high: kFull, 'aria-hidden': 'true' }));
      full.querySelector('meter').value = share;
      say(full.firstChild, percent(share));
      say(number, part_of(entries, capacity, 'entry', 'entries'));
    });
}

export function update_interfaces({ status }) {
  keep(body_of('interfaces'), status.interfaces, ({ name }) => name,
    () => row_of([badge('good', ''), '']),
    (element, { name, state, hook, xdp_mode, reason }) => {
      const [title, is, how] = element.children;
      say(title, name);
      dress_badge(is.firstChild, state === 'attached' ? 'good' : 'bad', state);
      say(how, [hook, xdp_mode].filter(Boolean).join(' ') + (reason ? `: ${reason}` : ''));
    });
}

const kSeverities = { info: 'note', warn: 'warn', error: 'bad' };
let all_events = false;

export function update_events({ events }) {
  const seen = all_events ? events.list : events.list.slice(0, kEventsAtFirst);
  keep(body_of('events'), seen, ({ number }) => `${events.started} ${number}`,
    ({ time, severity, text }) => {
      const element = row_of([badge(kSeverities[severity] ?? 'note', severity)]);
      element.firstChild.append(make('time', { datetime: new Date(time * 1000).toISOString() }));
      element.lastChild.append(` ${text}`);
      return element;
    },
    (element, { time }) => say(element.querySelector('time'), clock(time)));
  const button = document.getElementById('all-events');
  show(button, events.list.length > kEventsAtFirst);
  button.setAttribute('aria-expanded', String(all_events));
  say(button, all_events ? 'Show the newest events only' : `Show all ${count(events.list.length, 'event')}`);
  button.onclick = () => {
    all_events = !all_events;
    update_events({ events });
  };
}

export function update_about({ status }) {
  say(document.getElementById('instance'), status.instance === 'default' ? '' : status.instance);
  const adopted = status.adopted ? 'went on with the tables that it found' : 'began with new tables';
  say(document.getElementById('about'),
    `Weir ${status.version}, instance ${status.instance}, up ${duration(status.uptime)}, ${adopted}; ` +
    `configuration ${status.config_file}, in force since ${clock(status.reload.last_success)}.`);
}
