// Numbers for people: each with its unit, no more digits than can be read.

const kSpace = '\u00a0';  // a number is not torn from its unit
const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
const three = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

// '1 flow', '12,345 flows', '1.23 billion flows'
export function count(number, one, many = `${one}s`) {
  return (number >= 1e9 ? scaled(number) : whole.format(number)) + kSpace + (number === 1 ? one : many);
}

// '12 of 65,536 entries'
export function part_of(number, all, one, many = `${one}s`) {
  return `${whole.format(number)} of ${count(all, one, many)}`;
}

function scaled(number) {
  const [divisor, name] = number >= 1e9 ? [1e9, 'billion'] : [1e6, 'million'];
  return three.format(number / divisor) + kSpace + name;
}

// '0.4 packets/s', '12,345 packets/s'; null, which is not known: '– packets/s'
export function rate(number, unit) {
  if (number === null || number === undefined) return `–${kSpace}${unit}`;
  if (number >= 1e6) return `${scaled(number)}${kSpace}${unit}`;
  return (number < 100 ? tenths : whole).format(number) + kSpace + unit;
}

// Of bytes a second: '1.23 Mbit/s'
export function bits(bytes) {
  if (bytes === null || bytes === undefined) return `–${kSpace}bit/s`;
  const number = bytes * 8;
  const units = [[1e9, 'Gbit/s'], [1e6, 'Mbit/s'], [1e3, 'kbit/s'], [1, 'bit/s']];
  const [divisor, unit] = units.find(([least]) => number >= least) ?? units[3];
  return three.format(number / divisor) + kSpace + unit;
}

// Of 1: '33.3 %', '< 0.1 %'
export function percent(share) {
  const number = share * 100;
  const few = number > 0 && number < 0.1;
  return (few ? `<${kSpace}0.1` : tenths.format(number)) + kSpace + '%';
}

// Of seconds, in two steps: '12 s', '3 min 20 s', '5 d 3 h'
export function duration(seconds) {
  const steps = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];
  let rest = Math.max(0, Math.floor(seconds));
  const first = steps.findIndex(([length]) => rest >= length);
  if (first < 0) return `0${kSpace}s`;
  const parts = [];
  for (const [length, unit] of steps.slice(first, first + 2)) {
    const number = Math.floor(rest / length);
    rest -= number * length;
    if (number > 0) parts.push(number + kSpace + unit);
  }
  return parts.join(kSpace);
}

// Of unix seconds, by the clock of who looks: '03:12:45', with the date where it is another day
export function clock(time, now = Date.now() / 1000) {
  const then = new Date(time * 1000);
  const hour = then.toLocaleTimeString('en-GB');
  const same = then.toDateString() === new Date(now * 1000).toDateString();
  if (same) return hour;
  const two = (number) => String(number).padStart(2, '0');
  return `${then.getFullYear()}-${two(then.getMonth() + 1)}-${two(then.getDate())} ${hour}`;
}
