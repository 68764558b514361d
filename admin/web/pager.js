// Search, sort and pages for lists of any length.

import { el, mark, say, debounce } from "./dom.js";

/** search makes a labelled search field that calls back when typing pauses. */
export function search(label, change) {
  const typed = debounce(() => change(field.value.trim().toLowerCase()));
  const field = el("input", { type: "search", placeholder: label, "aria-label": label, autocomplete: "off", spellcheck: "false", input: typed });
  return field;
}

/** choice makes a labelled select of [value, text] pairs. */
export function choice(label, options, change) {
  return el("select", { "aria-label": label, change: (e) => change(e.target.value) }, ...options.map(([value, text]) => el("option", { value }, text)));
}

/** Pager shows a part of a list, and lets one walk through it. */
export class Pager {
  page = 0;

  constructor(node, size, change) {
    this.node = node;
    this.size = size;
    const step = (by) => () => {
      this.page += by;
      change();
    };
    this.before = el("button", { type: "button", click: step(-1) }, "Previous");
    this.after = el("button", { type: "button", click: step(1) }, "Next");
    this.where = el("span", { class: "muted" });
    node.append(this.before, this.where, this.after);
  }

  /** cut gives the part of a list that is shown. */
  cut(list) {
    const pages = Math.max(1, Math.ceil(list.length / this.size));
    this.page = Math.min(Math.max(0, this.page), pages - 1);
    const from = this.page * this.size;
    this.node.hidden = pages === 1;
    // Not disabled, which would take the focus from who walks by keyboard. A step too far is none.
    mark(this.before, "aria-disabled", this.page === 0);
    mark(this.after, "aria-disabled", this.page === pages - 1);
    say(this.where, `${from + 1} to ${Math.min(list.length, from + this.size)} of ${list.length}`);
    return list.slice(from, from + this.size);
  }
}
