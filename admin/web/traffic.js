// Response times and errors over five minutes, a card a pool and an endpoint.

import { el, keyed, mark, say, svg } from "./dom.js";
import { millis, per, rate } from "./words.js";
import { Pager } from "./pager.js";
import { figures } from "./standing.js";

const span = 300; // seconds
const width = 300, height = 64; // of a drawing, in its own units
const size = 6; // cards on a page

/** Traffic draws what the model remembers. */
export class Traffic {
  constructor(section) {
    this.charts = section.querySelector(".charts");
    this.empty = section.querySelector(".empty");
    this.pager = new Pager(section.querySelector(".pager"), size, () => this.show(this.model));
  }

  show(model) {
    this.model = model;
    const rows = [
      ...model.pools.map((p) => ({ key: p.key, kind: "pool", name: p.name, list: model.series.get(p.key) ?? [] })),
      ...model.endpoints.map((e) => ({ key: e.id, kind: "endpoint", name: e.endpoint, list: model.series.get(e.id) ?? [] })),
    ];
    this.empty.hidden = rows.length > 0;
    const now = Date.now();
    keyed(this.charts, this.pager.cut(rows), (r) => r.key, card, (node, r) => paint(node, r, now));
  }
}

function card(r) {
  return el("article", { class: "card chart" },
    el("header", {}, el("h3", {}, r.name), el("span", { class: "kind muted" }, r.kind)),
    el("dl", { class: "figures" }),
    plot("Requests a second", ["requests", "errors"]), plot("Response time", ["p99", "p95", "p50"]));
}

function plot(title, lines) {
  return el("figure", {},
    el("figcaption", {}, el("span", {}, title), ...lines.map((l) => el("span", { class: `key ${l}` }, l)), el("span", { class: "scale muted" })),
    svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img" },
      svg("path", { class: "grid", d: `M0 .5H${width}M0 ${height / 2}H${width}M0 ${height - 0.5}H${width}` }), svg("path", { class: "area" }), ...lines.map((l) => svg("path", { class: `line ${l}` }))),
    el("p", { class: "muted none", hidden: true }, "Known once an Envoy that can be asked has answered requests."));
}

function paint(node, r, now) {
  const [, dl, requests, times] = node.children;
  const last = r.list.at(-1);
  const known = (name) => r.list.findLast((x) => x[name] !== null && x[name] !== undefined && now - x.at < 15000)?.[name] ?? null;
  const ten = r.list.filter((x) => now - x.at < 10000);
  const sum = (name) => ten.reduce((n, x) => n + (x[name] ?? 0), 0);
  const errors = sum("rate") > 0 && ten.some((x) => (x.errors ?? null) !== null) ? Math.min(1, sum("errors") / sum("rate")) : null;
  figures(dl, [["Requests/s", rate(last?.rate)], ["Errors", per(errors), errors > 0 ? "bad" : null], ["p50", millis(known("p50"))], ["p99", millis(known("p99"))]]);
  const top = nice(Math.max(1, ...r.list.map((x) => x.rate ?? 0)));
  draw(requests, r.list, now, top, { requests: "rate", errors: "errors" }, `${rate(top)}/s`, `${rate(last?.rate)} requests a second, ${per(errors)} errors`);
  const slow = r.list.map((x) => x.p99 ?? x.p95 ?? x.p50).filter((x) => x !== null && x !== undefined);
  times.querySelector("svg").toggleAttribute("hidden", !slow.length);
  times.querySelector(".none").hidden = slow.length > 0;
  const most = nice(Math.max(1, ...slow));
  draw(times, r.list, now, most, { p99: "p99", p95: "p95", p50: "p50" }, slow.length ? millis(most) : "", `p50 ${millis(known("p50"))}, p95 ${millis(known("p95"))}, p99 ${millis(known("p99"))}`);
}

function draw(figure, list, now, top, lines, scale, words) {
  const picture = figure.querySelector("svg");
  const x = (at) => (width * (1 - (now - at) / 1000 / span)).toFixed(1);
  const y = (v) => (height - 1 - (height - 3) * Math.min(1, v / top)).toFixed(1);
  const inside = list.filter((p) => now - p.at < span * 1000);
  for (const [css, name] of Object.entries(lines)) {
    let d = "", before = 0;
    for (const p of inside) {
      if (p[name] === null || p[name] === undefined) { before = 0; continue; }
      d += `${before && p.at - before < 6000 ? "L" : "M"}${x(p.at)} ${y(p[name])}`;
      before = p.at;
    }
    mark(picture.querySelector(`.${css}`), "d", d || "M0 0");
  }
  const first = Object.values(lines)[0];
  const drawn = inside.filter((p) => p[first] !== null && p[first] !== undefined);
  const area = drawn.length > 1 && first === "rate" ? `M${x(drawn[0].at)} ${height}` + drawn.map((p) => `L${x(p.at)} ${y(p[first])}`).join("") + `L${x(drawn.at(-1).at)} ${height}Z` : "M0 0";
  mark(picture.querySelector(".area"), "d", area);
  mark(picture, "aria-label", words);
  say(figure.querySelector(".scale"), scale);
}

// nice is a round number above v, so that the scale rarely changes.
function nice(v) {
  const ten = 10 ** Math.floor(Math.log10(v));
  return [1, 2, 5, 10].map((n) => n * ten).find((n) => n >= v);
}
