// What the daemon tells, asked for again and again, and kept.

const kPatience = 8000;  // milliseconds for an answer
const kMostAttention = 200;  // backends

export class NoAnswer extends Error {}
// The daemon answers, and says that it cannot tell.
export class DaemonError extends Error {}

async function get(path) {
  let answer = null;
  let body = null;
  try {
    answer = await fetch(`api/v1/${path}`, { cache: 'no-store', signal: AbortSignal.timeout(kPatience) });
    body = await answer.json();
  } catch {
    throw new NoAnswer();
  }
  if (!answer.ok) throw new DaemonError(body.error);
  return body;
}

// Rates of the last minutes: each answer has what came since the one before.
class History {
  started = null;
  last = 0;
  period = 5;  // seconds between samples
  most = 120;  // samples
  length = 0;
  services = new Map();  // name -> {forward_packets: [...], ...}
  drops = {};

  async follow() {
    let answer = await get(`history?after=${this.last}`);
    if (answer.started !== this.started) {  // numbers begin anew with the daemon
      if (this.last > 0) answer = await get('history');
      Object.assign(this, { started: answer.started, length: 0, services: new Map(), drops: {} });
    }
    this.last = answer.last;
    this.period = answer.period;
    const length = Math.min(this.most, this.length + answer.times.length);
    const before = this.services;
    this.services = new Map(answer.services.map(({ service, ...series }) =>
      [service, this.append(before.get(service) ?? {}, series, length)]));
    this.drops = this.append(this.drops, answer.drops, length);
    this.length = length;
  }

  append(before, series, length) {
    const joined = {};
    for (const [name, values] of Object.entries(series)) {
      const all = (before[name] ?? Array(this.length).fill(null)).concat(values);
      joined[name] = all.slice(all.length - length);
    }
    return joined;
  }
}

class Events {
  started = null;
  last = 0;
  list = [];  // the newest first

  async follow() {
    let answer = await get(`events?after=${this.last}`);
    if (answer.started !== this.started) {
      if (this.last > 0) answer = await get('events');
      Object.assign(this, { started: answer.started, list: [] });
    }
    this.last = answer.last;
    this.list = answer.events.reverse().concat(this.list).slice(0, 200);
  }
}

export class Daemon {
  status = null;
  services = [];
  attention = [];  // backends
  history = new History();
  events = new Events();

  // Throws what went wrong; what was known before stays.
  async follow() {
    // one after the other, over one connection: the daemon has not many, and answers one at a time
    const status = await get('status');
    const { services } = await get('services');
    const { backends } = await get(`backends?attention=true&limit=${kMostAttention}`);
    await this.history.follow();
    await this.events.follow();
    Object.assign(this, { status, services, attention: backends });
  }

  async backends_of(service) {
    return (await get(`backends?service=${encodeURIComponent(service)}`)).backends;
  }
}

// The last value of a series; null: not known.
export function now(series) {
  return series?.at(-1) ?? null;
}

// Series added up, sample by sample; what is not known of one counts as nothing, unless it is of all.
export function sum(all) {
  const total = [];
  for (const series of all)
    series.forEach((value, index) => {
      total[index] = value === null ? total[index] ?? null : (total[index] ?? 0) + value;
    });
  return total;
}
