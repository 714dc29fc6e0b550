// The services, those with problems first; the backends of each when it is opened.
import { badge, dress_badge, keep, make, say, say_endpoint, show } from './dom.js';
import { bits, count, part_of, percent, rate } from './format.js';
import { reason_of, state_of, state_of_service } from './judge.js';
import { now, sum } from './poll.js';
import { draw, make_sparkline } from './sparkline.js';

const kOrder = ['bad', 'warn', 'note', 'good'];

export class Services {
  constructor(daemon) {
    this.daemon = daemon;
    this.list = document.getElementById('service-list');
    this.filter = document.getElementById('filter');
    this.shown = document.getElementById('shown');
    this.rows = new WeakMap();  // element -> its parts
    this.filter.addEventListener('input', () => this.sift());
  }

  update() {
    const ranked = this.daemon.services
      .map((service, index) => ({ service, index, rank: kOrder.indexOf(state_of_service(service)[0]) }))
      .sort((one, other) => one.rank - other.rank || one.index - other.index)
      .map(({ service }) => service);
    keep(this.list, ranked, (service) => service.name, (service) => this.create(service),
      (element, service) => this.bring(this.rows.get(element), service));
    this.sift();
  }

  // Backends of those that are open.
  async follow() {
    for (const details of this.list.querySelectorAll('details[open]'))
      await this.follow_one(this.rows.get(details.parentElement));
  }

  create(service) {
    const row = {
      name: make('span', { class: 'name' }), where: make('span', { class: 'quiet' }), state: badge('good', ''),
      flows: make('span'), opened: make('span', { class: 'quiet' }),
      forward: make('span'), reply: make('span', { class: 'reply' }), line: make_sparkline(), open: false, before: new Map(),
    };
    row.summary = make('summary', {},
      make('span', { class: 'who' }, row.name, row.where), make('span', { class: 'how' }, row.state),
      make('span', { class: 'much' }, row.flows, row.opened), make('span', { class: 'fast' }, row.forward, row.reply),
      make('span', { class: 'drawn' }, row.line));
    row.inside = make('div', { class: 'backends' });
    row.details = make('details', {}, row.summary, row.inside);
    row.details.addEventListener('toggle', () => {
      if (row.details.open) this.follow_one(row).catch(() => {});  // the next poll says what is wrong
    });
    const element = make('li', {}, row.details);
    this.rows.set(element, row);
    row.service = service;
    return element;
  }

  bring(row, service) {
    row.service = service;
    row.series = this.daemon.history.services.get(service.name) ?? {};
    const [level, word] = state_of_service(service);
    say(row.name, service.name);
    say(row.where, `${service.vip} ${service.protocol}, ${service.mode}, ${service.scheduler}`);
    dress_badge(row.state, level, word);
    say(row.flows, count(service.flows, 'flow'));
    say(row.opened, rate(now(row.series.new_flows), 'new flows/s'));
    say(row.forward, `${bits(now(row.series.forward_bytes))} to backends`);
    say(row.reply, `${bits(now(row.series.reply_bytes))} to clients`);
    const both = sum([row.series.forward_bytes ?? [], row.series.reply_bytes ?? []]);
    draw(row.line, both, this.daemon.history, 'traffic', bits);
    row.text = `${service.name} ${service.vip} ${service.protocol} ${word} ${this.troubles_of(service)}`.toLowerCase();
  }

  troubles_of(service) {
    if (service.attention === 0) return '';
    return this.daemon.attention.filter((backend) => backend.service === service.name)
      .map((backend) => `${backend.backend} ${backend.state} ${reason_of(backend)}`).join(' ');
  }

  sift() {
    const words = this.filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let seen = 0;
    for (const element of this.list.children) {
      const row = this.rows.get(element);
      const fits = words.every((word) => row.text.includes(word));
      show(element, fits);
      seen += fits ? 1 : 0;
    }
    const all = count(this.list.children.length, 'service');
    say(this.shown, words.length === 0 ? all : part_of(seen, this.list.children.length, 'service'));
  }

  async follow_one(row) {
    const backends = await this.daemon.backends_of(row.service.name);
    const at = performance.now() / 1000;
    if (!row.table) {
      row.table = make('tbody');
      row.caption = make('caption');
      const head = ['Backend', 'State', 'Share', 'Load'].map((name) => make('th', { scope: 'col' }, name));
      row.inside.append(make('table', {}, row.caption, make('thead', {}, make('tr', {}, ...head)), row.table));
    }
    say(row.caption, `Backends of ${row.service.name}, and their shares of new flows`);
    keep(row.table, backends, (backend) => backend.backend, make_backend,
      (element, backend) => bring_backend(element, backend, speed(row.before, backend, at)));
  }
}

// Bytes a second, both ways, since it was last asked; null: not known yet.
function speed(before, backend, at) {
  const bytes = backend.forward.bytes + backend.reply.bytes;
  const known = before.get(backend.backend);
  if (known && at - known.at < 1) return known.speed;  // too short to tell
  const measured = known && bytes >= known.bytes ? (bytes - known.bytes) / (at - known.at) : null;
  before.set(backend.backend, { bytes, at, speed: measured });
  return measured;
}

function make_backend() {
  const cells = [make('th', { scope: 'row' }), make('td'), make('td'), make('td')];
  cells[0].append(make('span'), make('span', { class: 'quiet' }));
  cells[1].append(badge('good', ''));
  cells[2].append(make('span'), make('span', { class: 'quiet' }));
  cells[3].append(make('span'), make('span', { class: 'quiet' }));
  return make('tr', {}, ...cells);
}

function bring_backend(element, backend, bytes) {
  const [who, state, share, load] = element.children;
  say_endpoint(who.firstChild, backend.backend);
  say(who.lastChild, reason_of(backend));
  dress_badge(state.firstChild, ...state_of(backend));
  say(share.firstChild, percent(backend.share));
  const configured = backend.weight === backend.configured_weight ? '' : ` of ${backend.configured_weight}`;
  say(share.lastChild, `weight ${backend.weight}${configured}`);
  say(load.firstChild, count(backend.flows, 'flow'));
  say(load.lastChild, bits(bytes));
}
