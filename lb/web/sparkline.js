// A small line of what was, with the same in words for who does not see it.

import { duration } from './format.js';

const kNamespace = 'http://www.w3.org/2000/svg';
const kWidth = 120;
const kHeight = 24;
const kLeast = 24;  // samples that the width stands for, as long as there are fewer

export function make_sparkline() {
  const svg = document.createElementNS(kNamespace, 'svg');
  svg.setAttribute('class', 'spark');
  svg.setAttribute('role', 'img');
  svg.setAttribute('viewBox', `0 0 ${kWidth} ${kHeight}`);
  svg.setAttribute('preserveAspectRatio', 'none');
  const ground = document.createElementNS(kNamespace, 'line');
  for (const [name, value] of [['x1', 0], ['x2', kWidth], ['y1', kHeight - 1], ['y2', kHeight - 1]])
    ground.setAttribute(name, value);
  svg.append(ground, document.createElementNS(kNamespace, 'path'));
  return svg;
}

// `values`: a number for each of the samples, the oldest first; null: not known. `words` writes one
// with its unit.
export function draw(svg, values, { length, period }, what, words) {
  const known = values.filter((value) => value !== null);
  const highest = Math.max(...known, 0);
  const step = kWidth / (Math.max(kLeast, length) - 1);
  const left = kWidth - step * (values.length - 1);
  let path = '';
  let pen = 'M';
  values.forEach((value, index) => {
    if (value === null) {
      pen = 'M';
      return;
    }
    const y = kHeight - 2 - (highest > 0 ? (value / highest) * (kHeight - 4) : 0);
    path += `${pen}${(left + step * index).toFixed(1)} ${y.toFixed(1)}`;
    pen = 'L';
  });
  const text = known.length === 0
    ? `${what}: nothing measured yet`
    : `${what}: now ${words(values.at(-1))}; in ${duration(length * period)} lowest ` +
      `${words(Math.min(...known))}, highest ${words(highest)}`;
  // a sample takes its place in both at once
  if (svg.getAttribute('aria-label') !== text) svg.setAttribute('aria-label', text);
  if (svg.lastChild.getAttribute('d') !== path) svg.lastChild.setAttribute('d', path);
}
