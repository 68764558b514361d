// What the sections build the page with. Text of others comes in by textContent alone.

/** el makes an element: attributes (functions are listeners, false leaves one out), children. */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** svg makes an element of a drawing. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== undefined && value !== null) node.setAttribute(name, String(value));
  }
  node.append(...children.filter((c) => c !== null && c !== undefined && c !== false));
  return node;
}

/** say sets a text only when it differs, so that nothing is laid out again for nothing. */
export function say(node, text) {
  text = String(text ?? "");
  if (node.textContent !== text) node.textContent = text;
  return node;
}

/** mark sets an attribute only when it differs; null takes it away. */
export function mark(node, name, value) {
  if (value === null || value === undefined || value === false) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, String(value));
}

const kept = new WeakMap(); // the keyed children of an element

/**
 * keyed makes parent's children those of items, in their order. What has a key that was
 * there stays the same element, so that focus and selection survive a tick.
 */
export function keyed(parent, items, key, make, update) {
  let known = kept.get(parent);
  if (!known) kept.set(parent, (known = new Map()));
  const used = new Set();
  let at = parent.firstElementChild;
  for (const item of items) {
    const k = key(item);
    if (used.has(k)) continue;
    used.add(k);
    let node = known.get(k);
    if (!node) known.set(k, (node = make(item)));
    update?.(node, item);
    if (node === at) at = at.nextElementSibling;
    else move(node, parent, at);
  }
  for (const [k, node] of known) {
    if (used.has(k)) continue;
    node.remove();
    known.delete(k);
  }
}

// move takes the focus along, which browsers take from what is moved.
function move(node, parent, before) {
  const focus = node.contains(document.activeElement) ? document.activeElement : null;
  parent.insertBefore(node, before);
  focus?.focus({ preventScroll: true });
}

/** offer shows those of some buttons that can be used now. The focus passes from one that
    goes to one that stays. */
export function offer(buttons, usable) {
  const focus = document.activeElement;
  [...buttons.children].forEach((b, i) => (b.hidden = !usable[i]));
  if (focus?.hidden && buttons.contains(focus)) instead(focus);
}

/** instead gives the focus to a button beside one that is gone. */
export function instead(gone) {
  gone.parentElement?.querySelector("button:not([hidden])")?.focus({ preventScroll: true });
}

/** debounce waits until typing pauses. */
export function debounce(f, ms = 120) {
  let timer;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => f(...args), ms);
  };
}
