// Share wanted against share seen, a row a target.

import { el, keyed, mark, say } from "./dom.js";
import { per, rate } from "./words.js";
import { Pager } from "./pager.js";

const shown = 8; // rows of a pool that is folded
const pools = 6; // on a page

/** Distribution draws the pools; of large ones the rows that matter most. */
export class Distribution {
  open = new Set();

  constructor(section) {
    this.body = section.querySelector(".body");
    this.pager = new Pager(section.querySelector(".pager"), pools, () => this.show(this.model));
    this.empty = section.querySelector(".empty");
  }

  show(model) {
    this.model = model;
    keyed(this.body, this.pager.cut(model.pools), (p) => p.key, (p) => this.pool(p), (node, p) => this.update(node, p));
    this.empty.hidden = model.pools.length > 0;
  }

  pool(p) {
    const more = el("button", { type: "button", class: "quiet", click: () => {
      if (!this.open.delete(p.key)) this.open.add(p.key);
      this.show(this.model);
    } });
    return el("div", { class: "pool" }, el("h3"), el("div", { class: "bars", role: "list" }), more);
  }

  update(node, p) {
    const [title, bars, more] = node.children;
    say(title, `${p.name} · ${rate(p.rate)} req/s`);
    let rows = p.targets;
    const folded = rows.length > shown && !this.open.has(p.key);
    if (folded) {
      // Those out of line first; the order only changes with it, not each second.
      const off = (t) => (t.share === null ? 0 : Math.round(10 * Math.abs(t.share - t.wanted)));
      rows = [...rows].sort((a, b) => (b.is.state === "out") - (a.is.state === "out") || off(b) - off(a)).slice(0, shown);
    } else rows = rows.slice(0, 200);
    const top = Math.max(...p.targets.map((t) => Math.max(t.wanted, t.share ?? 0)));
    keyed(bars, rows, (t) => t.key, bar, (row, t) => paint(row, t, top));
    more.hidden = p.targets.length <= shown;
    say(more, folded ? `Show ${p.targets.length > 200 ? "the first 200" : "all " + p.targets.length}` : "Show fewer");
    mark(more, "aria-expanded", String(!folded));
  }
}

function bar() {
  return el("div", { class: "bar", role: "listitem" },
    el("span", { class: "name" }), el("span", { class: "track", "aria-hidden": "true" }, el("i"), el("b")), el("span", { class: "seen" }), el("span", { class: "wanted muted" }));
}

function paint(row, t, top) {
  const [name, track, seen, wanted] = row.children;
  say(name, t.name);
  mark(name, "title", `${t.name} · ${t.url}`);
  mark(row, "data-state", t.is.state);
  track.firstChild.style.setProperty("--share", String(Math.min(1, (t.share ?? 0) / top)));
  track.lastChild.style.setProperty("--share", String(Math.min(1, t.wanted / top)));
  say(seen, per(t.share));
  say(wanted, "of " + per(t.wanted));
}

