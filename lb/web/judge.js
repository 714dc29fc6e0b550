// What is wrong, in words. Pure.
import { count, part_of, percent, rate } from './format.js';
import { now } from './poll.js';

const kFull = 0.9;  // of a table
// The oldest entry makes room for the next one: they fill up in any case, and are meant to.
const kFillByDesign = ['affinity', 'source_rates', 'fragments'];
const kOrder = ['good', 'note', 'warn', 'bad'];

// Of a backend as /v1/backends has it: the word for its state and how bad that is.
export function state_of(backend) {
  if (backend.kept) return ['warn', 'kept in use'];
  if (backend.state === 'down') return ['bad', 'down'];
  if (backend.state !== 'active') return ['note', backend.state];
  return backend.standby ? ['note', 'standby'] : ['good', 'active'];
}

// Why; empty where there is nothing to say.
export function reason_of(backend) {
  const why = [];
  if (backend.health.reason) why.push(backend.health.reason);
  if (backend.health.trouble) why.push(`the check cannot be made: ${backend.health.trouble}`);
  if (backend.override) {
    const weight = backend.override.weight === null ? '' : `, weight ${backend.override.weight}`;
    why.push(`overridden: ${backend.override.admin}${weight}`);
  }
  return why.join('; ');
}

// Of a service as /v1/services has it.
export function state_of_service(service) {
  const { active, draining, down, maintenance } = service.states;
  const of_all = (number) => part_of(number, service.backends, 'backend');
  if (down > 0) return ['bad', `${of_all(down)} down`];
  if (active === 0) return ['bad', `${of_all(0)} active`];
  const out = draining + maintenance;
  if (out > 0) return ['note', `${of_all(out)} taken out`];
  if (service.attention > 0) return ['warn', `${of_all(active)} active, ${service.attention} in question`];
  return ['good', `${of_all(active)} active`];
}

function total(services, state) {
  return services.reduce((all, service) => all + service.states[state], 0);
}

function judge_backends(services, said) {
  const backends = services.reduce((all, service) => all + service.backends, 0);
  const down = total(services, 'down');
  const of_all = (number, word) => `${part_of(number, backends, 'backend')} ${number === 1 ? 'is' : 'are'} ${word}`;
  if (down > 0) said.push({ level: 'bad', key: `down ${down}`, text: of_all(down, 'down') });
  const without = services.filter((service) => service.states.active === 0);
  if (without.length > 0)
    said.push({ level: 'bad', key: `without ${without.length}`,
      text: `${count(without.length, 'service')} without an active backend: ${names(without)}` });
  for (const [state, word] of [['draining', 'draining'], ['maintenance', 'in maintenance']]) {
    const number = total(services, state);
    if (number > 0)
      said.push({ level: 'note', key: `${state} ${number}`, text: of_all(number, word) });
  }
}

function names(services) {
  const first = services.slice(0, 3).map((service) => service.name).join(', ');
  return services.length > 3 ? `${first} and others` : first;
}

function judge_attention(attention, said) {
  const kept = attention.filter((backend) => backend.kept).length;
  if (kept > 0)
    said.push({ level: 'warn', key: `kept ${kept}`,
      text: `${count(kept, 'backend')} kept in use although the checks fail` });
  const unasked = attention.filter((backend) => backend.health.trouble).length;
  if (unasked > 0)
    said.push({ level: 'warn', key: `unasked ${unasked}`,
      text: `${count(unasked, 'backend')} cannot be checked` });
}

function judge_host(status, said) {
  for (const one of status.interfaces)
    if (one.state !== 'attached')
      said.push({ level: 'bad', key: `interface ${one.name} ${one.state}`,
        text: `interface ${one.name} is ${one.state}${one.reason ? `: ${one.reason}` : ''}` });
  if (!status.reload.successful)
    said.push({ level: 'warn', key: 'reload', text: 'the last reload was refused',
      more: status.reload.error });
  for (const table of status.tables) {
    const full = table.entries / table.capacity;
    if (full >= kFull && !kFillByDesign.includes(table.name))
      said.push({ level: 'warn', key: `table ${table.name}`, text: `table ${table.name} is ${percent(full)} full` });
  }
}

function judge_drops(drops, said) {
  const current = Object.entries(drops)
    .map(([reason, series]) => ({ reason, value: now(series) ?? 0 }))
    .filter(({ value }) => value > 0)
    .sort((one, other) => other.value - one.value);
  if (current.length > 0)
    said.push({ level: 'warn', key: `drops ${current.map(({ reason }) => reason).join(' ')}`,
      text: `drops: ${current.map(({ reason, value }) => `${rate(value, 'packets/s')} ${reason}`).join(', ')}` });
}

// {level, summary, key, said}: `key` changes when something else is wrong, not when a number does.
export function judge(daemon) {
  const said = [];
  judge_backends(daemon.services, said);
  judge_attention(daemon.attention, said);
  judge_host(daemon.status, said);
  judge_drops(daemon.history.drops, said);
  said.sort((one, other) => kOrder.indexOf(other.level) - kOrder.indexOf(one.level));
  const wrong = said.filter(({ level }) => level !== 'note');
  const level = wrong[0]?.level ?? 'good';
  const text = said.map((one) => one.text).join('; ');
  const active = total(daemon.services, 'active');
  const well = `all is well: ${count(daemon.services.length, 'service')}, ${count(active, 'backend')} active`;
  const summary = wrong.length > 0 ? text : [well, text].filter(Boolean).join('; ');
  return { level, said, summary: `${summary[0].toUpperCase()}${summary.slice(1)}.`,
    key: said.map((one) => one.key).join('; ') };
}
