// How things stand, in one line, and what else there is to see to.

import { el, keyed, mark, say } from "./dom.js";
import { clock, plural, rate, short, base } from "./words.js";

const shown = 5; // things to see to

/** standing judges; the worst thing comes first. */
export function standing(state, model) {
  const s = state.status;
  if (!s) return state.lost ? { state: "lost", line: "The management server does not answer", more: [state.error] } : { state: "loading", line: "Asking the management server…", more: [] };
  if (state.lost && state.denied) {
    return { state: "lost", line: `Not let in since ${clock(state.lost)}: the token is another one now`, more: ["Load the page again, and give it as the password. What is shown here is from before."] };
  }
  if (state.lost) {
    return { state: "lost", line: `No connection to the management server since ${clock(state.lost)}`, more: ["Envoys go on with what they have. What is shown here is from before.", state.error] };
  }
  const out = model.targets.filter((t) => t.is.state === "out" || t.is.state === "part");
  const dead = model.pools.filter((p) => p.targets.every((t) => t.is.state === "out"));
  const all = [
    ...(s.nodes.length || s.ready ? [] : [{ state: "bad", line: s.blueprints.length ? "No Envoy is connected" : "No blueprint is served", more: sidecar(s) }]),
    ...dead.map((p) => ({ state: "bad", line: `No target of pool ${p.name} can serve` })),
    ...refusals(s),
    ...out.map((t) => ({ state: "warn", line: t.is.drained ? `${t.name} is drained by hand` : `Degraded: ${t.name} ${{ open: "is ejected", half: "is on trial" }[t.is.breaker] ?? "is held out"}: ${t.is.why}` })),
    ...s.unresolved.map((u) => ({ state: "warn", line: `The host ${u.host} cannot be resolved: ${u.error}` })),
    ...(s.last_good_not_kept ? [{ state: "warn", line: `Last good versions are not saved: ${s.last_good_not_kept}` }] : []),
  ];
  if (!all.length && !s.ready) all.push({ state: "warn", line: s.reason || "No Envoy has acknowledged what is published yet" });
  if (!all.length && s.degraded) all.push({ state: "warn", line: s.reason });
  if (!all.length) {
    return { state: "good", line: `Serving: ${healthy(model.targets)}${envoys(s.nodes)} up to date`, more: [] };
  }
  const rank = { bad: 0, refused: 1, warn: 2 };
  all.sort((a, b) => rank[a.state] - rank[b.state]);
  const more = all.slice(1).map((x) => x.line);
  if (more.length > shown) more.splice(shown, more.length, `and ${more.length - shown} more`);
  return { ...all[0], more: [...(all[0].more ?? []), ...more] };
}

function healthy(targets) {
  if (!targets.length) return "";
  if (targets.every((t) => t.is.state === "unknown")) return `${plural(targets.length, "target")} of unknown health, `;
  return `${targets.filter((t) => t.is.state === "well").length} of ${plural(targets.length, "target")} healthy, `;
}

function envoys(nodes) {
  const synced = nodes.filter((n) => n.state === "SYNCED").length;
  return synced === nodes.length ? plural(synced, "Envoy") : `${synced} of ${plural(nodes.length, "Envoy")}`;
}

function sidecar(s) {
  const said = s.reason === "no Envoy is connected" || s.problems.some((p) => p.severity === "error"); // in lines of their own
  const why = s.reason && !said ? [s.reason] : [];
  return s.sidecar ? [...why, `The Envoy that is run here: ${s.sidecar.phase}`] : why;
}

function refusals(s) {
  const back = s.blueprints.filter((b) => b.rollout.stage === "rolled back").map((b) => b.rollout.version);
  const errors = s.problems.filter((p) => p.severity === "error").map((p) => (back.some((v) => p.message.startsWith(`version ${v} `)) ? { state: "warn", line: `Rolled back by hand: ${p.text}` } : { state: "refused", line: `Refused edit: ${p.text}` }));
  if (errors.length) return errors;
  return s.nodes.flatMap((n) => n.types.filter((t) => t.refused).map((t) => ({
    state: "refused", line: `Envoy ${n.id} refuses ${t.type}: ${[...t.refused.resources.map((r) => r.position).filter(Boolean), t.refused.message].join(": ")}`,
  })));
}

/** show updates the line, the title and the totals. */
export function show(state, model) {
  const said = standing(state, model);
  mark(document.getElementById("standing"), "data-state", said.state);
  say(document.getElementById("headline"), said.line);
  const details = said.more.filter(Boolean);
  keyed(document.getElementById("details"), details, (x) => x, (x) => el("li", {}, x));
  const word = { good: "serving", warn: "degraded", refused: "refused edit", bad: "down", lost: "not connected", loading: "…" }[said.state];
  if (document.title !== `Backworks: ${word}`) document.title = `Backworks: ${word}`;
  const link = document.getElementById("link");
  mark(link, "data-state", state.lost ? "lost" : state.at ? "live" : "loading");
  say(link, state.lost ? (state.denied ? "not let in" : "disconnected") : state.at ? "live" : "connecting");
  const s = state.status;
  say(document.getElementById("version"), s && s.version !== "unknown" ? s.version : "");
  const rates = model.targets.filter((t) => t.rate !== null);
  const total = rates.length ? rates.reduce((n, t) => n + t.rate, 0) : null;
  const blueprint = s?.blueprints.length === 1 ? `${base(s.blueprints[0].file)} ${short(s.blueprints[0].version)}` : s ? plural(s.blueprints.length, "blueprint") : "–";
  figures(document.getElementById("totals"), [["Requests a second", rate(total)], ["Envoys", s ? s.nodes.length : "–"], ["Blueprint", blueprint]]);
}

/** figures are a list of names and values whose place never changes. */
export function figures(dl, pairs) {
  keyed(dl, pairs, (p) => p[0], (p) => el("div", {}, el("dt", {}, p[0]), el("dd")), (node, p) => {
    say(node.lastChild, p[1]);
    mark(node, "data-tone", p[2] ?? null);
  });
}
