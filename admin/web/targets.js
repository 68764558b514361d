// A card a target: breaker, health and why, and its figures.

import { el, keyed, mark, offer, say, svg } from "./dom.js";
import { millis, per, plural, rate } from "./words.js";
import { List } from "./list.js";
import { figures } from "./standing.js";
import { confirm } from "./dialog.js";
import { trips } from "./model.js";

const size = 24; // cards on a page

const orders = {
  state: (a, b) => rank(a) - rank(b) || a.at - b.at,
  pool: (a, b) => a.at - b.at, // pools by name, the targets of each as they are written
  name: (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }) || a.at - b.at,
  rate: (a, b) => (b.rate ?? -1) - (a.rate ?? -1) || a.at - b.at,
  errors: (a, b) => (b.errorRate ?? -1) - (a.errorRate ?? -1) || a.at - b.at,
};

const rank = (t) => ["out", "part", "pending", "unknown", "well"].indexOf(t.is.state);

/** Targets are the cards, with search, order and pages. */
export class Targets extends List {
  constructor(section, feed) {
    super(section, size, "targets", [
      ["only", "Show", [["", "all states"], ["well", "healthy"], ["out", "held out or on trial"], ["pending", "pending"], ["unknown", "unknown"]]],
      ["order", "Order", [["state", "worst first"], ["pool", "by pool"], ["name", "by name"], ["rate", "busiest first"], ["errors", "most errors first"]]],
    ]);
    this.feed = feed;
    this.cards = section.querySelector(".cards");
  }

  show(model) {
    this.shown = model;
    if (!model) return;
    model.targets.forEach((t, i) => (t.at = i));
    const list = model.targets
      .filter((t) => this.found(t.name, t.url, t.pool, t.is.label))
      .filter((t) => !this.only || t.is.state === this.only || this.only === "out" && t.is.state === "part")
      .sort(orders[this.order]);
    keyed(this.cards, this.pager.cut(list), (t) => t.key, (t) => this.card(t), (node, t) => paint(node, t, this.feed.has("/api/v1/switch")));
    this.empty.hidden = list.length > 0;
    say(this.empty, model.targets.length ? `None of ${plural(model.targets.length, "target")} is like that.` : "There are no targets: what is served answers by itself, or no blueprint is loaded.");
  }

  card(t) {
    const button = (to) => el("button", { type: "button", class: to, "aria-label": `${switches[to][0]} ${t.name}`, click: () => confirm(`${switches[to][0]} ${t.name}?`, switches[to][1], switches[to][0],
      () => this.feed.act("api/v1/switch", { blueprint: t.blueprint, pool: t.pool, target: t.name, to })) }, switches[to][0]);
    return el("article", { class: "card" },
      el("header", {}, breaker(), el("div", { class: "who" }, el("h3", { title: t.name }, t.name), el("p", { class: "muted url" })), el("span", { class: "pill" })),
      el("p", { class: "why" }),
      el("dl", { class: "figures" }),
      el("div", { class: "buttons" }, ...Object.keys(switches).map(button)));
  }
}

// The breaker is a switch in a line: shut it lets requests through.
function breaker() {
  return svg("svg", { class: "breaker", viewBox: "0 0 44 24", role: "img" },
    svg("path", { class: "wire", d: "M1 17h9M34 17h9" }), svg("circle", { cx: 12, cy: 17, r: 2.5 }), svg("circle", { cx: 32, cy: 17, r: 2.5 }), svg("path", { class: "arm", d: "M12 17h20" }));
}

// What is done with a target by hand, where the server can.
const switches = {
  drain: ["Drain", "It gets no new requests until it is restored; those under way end."],
  eject: ["Eject", "Its breaker opens in each Envoy, as if it had failed; after the recovery time it is tried."],
  restore: ["Restore", "It gets requests again at once, and its breaker closes."],
};

const breakers = { drained: "Drained by hand", closed: "Breaker closed", half: "Breaker half-open", open: "Breaker open", unknown: "Breaker unknown" };

function paint(node, t, can) {
  const [head, why, dl, buttons] = node.children;
  const [picture, who, pill] = head.children;
  mark(node, "data-state", t.is.state);
  mark(picture, "data-breaker", t.is.breaker);
  mark(picture, "aria-label", breakers[t.is.breaker]);
  say(who.lastChild, `${t.url} · ${t.pool}`);
  mark(who.lastChild, "title", `${t.url} · ${t.pool}`);
  const left = t.is.until ? Math.ceil((t.is.until - Date.now()) / 1000) : 0;
  say(pill, left > 0 ? `${t.is.label}, ${left} s` : t.is.label);
  mark(pill, "title", left > 0 ? "until it is tried" : null);
  say(why, t.is.why || (t.seen.length > 1 ? `as ${t.seen.length} Envoys see it` : "takes requests"));
  figures(dl, [
    ["Requests/s", rate(t.rate)],
    ["Errors", per(t.errorRate), t.errorRate > 0 ? "bad" : null],
    [t.own ? "p50" : "p50 of pool", millis(t.latency?.p50)],
    [t.own ? "p99" : "p99 of pool", millis(t.latency?.p99)],
    ["Active", t.seen.length ? t.active ?? "–" : "–"],
    ["Connections", t.seen.length ? t.connections ?? "–" : "–"],
  ]);
  buttons.hidden = !can;
  // In the order of switches.
  offer(buttons, [!t.is.drained, t.is.breaker === "closed" && trips(t), t.is.drained || t.is.breaker === "open" || t.is.breaker === "half"]);
}
