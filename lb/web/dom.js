// What the parts of the page have in common. Whatever comes from the daemon is put in as text, never
// as markup: names are the configuration's and may hold anything.

// An element. `attributes` are written in this page's own files; children that are strings are text.
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// Only where it changes, so that a reader is not disturbed and a selection stays.
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// ADDRESS:PORT, which is broken before the port if it has to be.
export function say_endpoint(element, text) {
  const colon = text.lastIndexOf(':');
  if (element.textContent !== text)
    element.replaceChildren(text.slice(0, colon), make('wbr'), text.slice(colon));
}

export function dress(element, name) {
  if (element.className !== name) element.className = name;
}

// Whether an element is seen.
export function show(element, seen) {
  if (element.hidden === seen) element.hidden = !seen;
}

// Makes the children of `parent` those of `items`, in their order. An element stays with its key, and
// what is open or has the focus stays so. `create` makes one for an item, `update` brings it up to date.
export function keep(parent, items, key, create, update) {
  const known = new Map(Array.from(parent.children, (child) => [child.dataset.key, child]));
  const focused = document.activeElement;
  let next = parent.firstElementChild;
  for (const item of items) {
    const name = String(key(item));
    let element = known.get(name);
    known.delete(name);
    if (!element) {
      element = create(item);
      element.dataset.key = name;
    }
    if (element === next) next = next.nextElementSibling;
    else parent.insertBefore(element, next);
    update(element, item);
  }
  for (const element of known.values()) element.remove();
  // an element that moved has lost it
  if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
}

// A word in a frame; `level`: good, note, warn or bad. The word says it, the colour only repeats.
export function badge(level, text) {
  return make('span', { class: `badge ${level}` }, text);
}

export function dress_badge(element, level, text) {
  dress(element, `badge ${level}`);
  say(element, text);
}
