// What happened, newest first.

import { el, keyed, say } from "./dom.js";
import { base, clock, short } from "./words.js";
import { List } from "./list.js";

const size = 50; // on a page
const tones = { refusal: "bad", ejection: "bad", health: "warn", uneject: "good", edit: "busy", push: "none", rollout: "busy", envoy: "none", breaker: "warn", switch: "busy" };

/** Events lists what the server tells, or what its status gives away. */
export class Events extends List {
  constructor(section) {
    super(section, size, "events", [["kind", "Kind", [["", "all kinds"], ["edit", "edits"], ["push", "pushes"], ["refusal", "refusals"], ["rollout", "rollouts"], ["ejection", "ejections"], ["health", "health changes"], ["breaker", "breakers"], ["switch", "by hand"], ["envoy", "Envoys"]]]]);
    this.log = section.querySelector(".log");
  }

  show(state) {
    this.shown = state;
    if (!state?.status) return;
    const all = state.telemetry ? state.telemetry.events : fromStatus(state);
    const list = all
      .filter((e) => !this.kind || e.kind === this.kind || this.kind === "ejection" && e.kind === "uneject")
      .filter((e) => this.found(e.subject, e.node, e.text));
    keyed(this.log, this.pager.cut(list), (e) => `${e.id} ${e.at}`, row);
    this.empty.hidden = list.length > 0;
    say(this.empty, all.length ? "No event is like that." : "Nothing has happened yet.");
  }
}

const tone = (e) => (e.kind === "health" && !/unhealthy|fail/.test(e.text) ? "good" : tones[e.kind] ?? "none");

function row(e) {
  return el("li", {},
    el("time", { datetime: e.at }, clock(e.at)), el("span", { class: "pill", "data-tone": tone(e) }, e.kind), el("span", { class: "what" }, el("b", {}, base(e.subject)), " ", e.text));
}

// fromStatus are the steps of rollouts, for a server that keeps no events.
function fromStatus(state) {
  return state.status.blueprints
    .flatMap((b) => [...b.rollout.trail].reverse().map((t) => ({
      id: `${b.file} ${t.at} ${t.stage}`, at: t.at, kind: t.stage === "refused" ? "refusal" : "rollout", subject: b.file, node: "", text: `version ${short(t.version)} ${t.stage}${t.what ? ": " + t.what : ""}`,
    })))
    .sort((a, b) => Date.parse(b.at) - Date.parse(a.at));
}
