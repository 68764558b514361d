// From answers to what the sections show: targets over all Envoys, rates, five minutes.

const window = 10; // seconds that rates and shares are taken over
const memory = 300; // seconds that charts show

const keyOf = (t) => `${t.blueprint}\n${t.pool}\n${t.target}`;

/** Model remembers counters, and makes rates of them. */
export class Model {
  counters = new Map(); // by target, Envoy and address
  recent = new Map(); // by target: [{at, seconds, requests, errors}]
  series = new Map(); // by pool: [{at, requests, errors}] a second
  targets = [];
  pools = [];
  endpoints = []; // as the server measures them

  /** take takes an answer in. */
  take(state) {
    const merged = new Map();
    for (const t of state.targets ?? []) {
      const key = keyOf(t);
      let m = merged.get(key);
      if (!m) merged.set(key, (m = fresh(key, t)));
      merge(m, t);
      this.count(key, t, state.at, m);
    }
    this.targets = [...merged.values()];
    this.rates(state.at);
    this.pools = pools(this.targets);
    if (state.telemetry) this.measured(state.telemetry);
    else this.remember(state.at);
  }

  // count adds what came since the last look. A counter that went back began anew.
  count(key, t, at, m) {
    if (!t.node || t.requests === null) return;
    const id = `${key}\n${t.node}\n${t.address}`;
    const before = this.counters.get(id);
    this.counters.set(id, { at, requests: t.requests, errors: t.errors });
    if (!before || at <= before.at || at - before.at > window * 1000) return;
    const since = (now, then) => (now >= then ? now - then : now);
    m.delta.requests += since(t.requests, before.requests);
    m.delta.errors += since(t.errors, before.errors);
    m.delta.seconds = (at - before.at) / 1000;
  }

  rates(at) {
    for (const t of this.targets) {
      let list = this.recent.get(t.key) ?? [];
      list = list.filter((d) => at - d.at < window * 1000);
      if (t.delta.seconds) list.push({ at, ...t.delta });
      this.recent.set(t.key, list);
      const seconds = sum(list, "seconds");
      if (!seconds) continue;
      t.requests = sum(list, "requests");
      t.rate = t.requests / seconds;
      t.errorRate = t.requests ? sum(list, "errors") / t.requests : null;
    }
    const there = new Set(this.targets.map((t) => t.key));
    for (const key of this.recent.keys()) if (!there.has(key)) this.recent.delete(key);
    if (this.counters.size > 4 * this.targets.length + 1000) this.counters.clear();
  }

  // measured takes the five minutes of pools and endpoints as the server has them.
  measured(telemetry) {
    this.series.clear();
    this.endpoints = [...telemetry.tables.endpoints.values()];
    for (const row of telemetry.tables.pools.values()) this.series.set(`${row.blueprint}\n${row.pool}`, telemetry.series.get(row.id) ?? []);
    for (const row of this.endpoints) this.series.set(row.id, telemetry.series.get(row.id) ?? []);
    const latencies = new Map([...telemetry.tables.pools.values()].map((r) => [`${r.blueprint}\n${r.pool}`, r.latency_ms]));
    // Envoy has response times by pool: they are a target's own where it is all of it.
    for (const p of this.pools) for (const t of p.targets) Object.assign(t, { latency: latencies.get(p.key) ?? null, own: p.targets.length === 1 });
  }

  // remember keeps the figures that are made here.
  remember(at) {
    for (const p of this.pools) {
      let list = this.series.get(p.key);
      if (!list) this.series.set(p.key, (list = []));
      const seconds = Math.max(0, ...p.targets.map((t) => t.delta.seconds));
      if (!seconds) continue;
      const requests = p.targets.reduce((n, t) => n + t.delta.requests, 0);
      const errors = p.targets.reduce((n, t) => n + t.delta.errors, 0);
      list.push({ at, rate: requests / seconds, errors: errors / seconds });
      while (list.length && at - list[0].at > memory * 1000) list.shift();
    }
  }
}

function fresh(key, t) {
  return {
    key, blueprint: t.blueprint, pool: t.pool, name: t.target, url: t.url, weight: t.weight,
    seen: [], rate: null, errorRate: null, requests: 0, active: null, connections: null, total: 0, failed: 0,
    delta: { requests: 0, errors: 0, seconds: 0 },
  };
}

function merge(m, t) {
  m.drained ||= t.drained;
  m.active = plus(m.active, t.active);
  m.connections = plus(m.connections, t.connections);
  m.total += t.requests;
  m.failed += t.errors;
  if (t.node) m.seen.push(t);
}

// plus adds what is known; null is not.
const plus = (sum, n) => (n === null || n === undefined ? sum : (sum ?? 0) + n);

/** trips tells whether a breaker can be opened by hand: one that is tried before it closes. */
export const trips = (t) => t.seen.some((s) => s.breaker?.half_opens);

/** stateOf is how a target stands over all Envoys: the worst counts, and why. */
export function stateOf(t) {
  if (t.drained) return { state: "part", label: "Drained", breaker: "drained", why: "drained by hand: it gets nothing new", drained: true };
  if (!t.seen.length) return { state: "unknown", label: "Unknown", breaker: "unknown", why: "no Envoy that can be asked has it" };
  const open = t.seen.filter((s) => s.ejected || s.breaker?.state === "Open");
  const trial = t.seen.filter((s) => s.breaker?.state === "HalfOpen");
  const out = t.seen.filter((s) => s.health === "unhealthy" || open.includes(s));
  const where = (list) => (list.length < t.seen.length ? `, on ${list.length} of ${t.seen.length} Envoys` : "");
  if (out.length) {
    const said = [...new Set(out.flatMap(reasons))].join("; ");
    const failed = out.some((s) => s.failed_check);
    const why = said || (failed && open.length ? "health checks fail, and so did its requests" : failed ? "health checks fail" : open.length ? "too many of its requests failed" : "Envoy holds it out");
    return { state: where(out) ? "part" : "out", label: open.length ? "Open" : "Unhealthy", breaker: open.length ? "open" : "closed", why: why + where(out), until: until(open) };
  }
  if (trial.length) return { state: "part", label: "Half-open", breaker: "half", why: `it is tried with few requests${where(trial)}` };
  if (t.seen.every((s) => s.health === "unknown")) return { state: "unknown", label: "Unknown", breaker: t.seen.some((s) => s.breaker) ? "closed" : "unknown", why: "its Envoys tell their load alone, and not its health" };
  if (t.seen.some((s) => s.health === "pending")) return { state: "pending", label: "Pending", breaker: "closed", why: "its first health check is still to come" };
  return { state: "well", label: "Healthy", breaker: "closed", why: "" };
}

// reasons are the breaker's own where it has one: Envoy's say the same again.
const reasons = (s) => (s.breaker?.reason ? [s.breaker.reason, ...(s.failed_check ? [s.why?.[0] ?? "its health checks fail"] : [])] : s.why ?? []);

// until is when the first of open breakers is tried; 0: not known.
function until(open) {
  const times = open.map((s) => Date.parse(s.breaker?.until ?? "")).filter((at) => at > 0);
  return times.length ? Math.min(...times) : 0;
}

function pools(targets) {
  const all = new Map();
  for (const t of targets) {
    t.is = stateOf(t);
    const key = `${t.blueprint}\n${t.pool}`;
    let p = all.get(key);
    if (!p) all.set(key, (p = { key, blueprint: t.blueprint, name: t.pool, targets: [], rate: null }));
    p.targets.push(t);
    if (t.rate !== null) p.rate = (p.rate ?? 0) + t.rate;
  }
  for (const p of all.values()) {
    const weights = sum(p.targets, "weight");
    const requests = sum(p.targets, "requests");
    for (const t of p.targets) {
      t.wanted = weights ? t.weight / weights : 1 / p.targets.length;
      t.share = requests ? t.requests / requests : null;
    }
  }
  return [...all.values()];
}

const sum = (list, name) => list.reduce((n, x) => n + x[name], 0);
