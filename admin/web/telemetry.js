// The figures as the management server measures them: what it sent last, row by row, and
// five minutes of each pool and endpoint.

const memory = 300; // seconds that charts show
const maxEvents = 500;

export class Telemetry {
  tables = { targets: new Map(), pools: new Map(), endpoints: new Map(), envoys: new Map() };
  series = new Map(); // of pools and endpoints, by row: [{at, rate, errors, p50, p95, p99}]
  events = [];
  followed = false;
  closed = false; // what it has is from before

  constructor(answer) {
    this.take(answer);
    for (const of of ["pools", "endpoints"]) {
      for (const s of answer.series?.[of] ?? []) {
        this.series.set(s.id, answer.series.times.map((t, i) => ({
          at: Date.parse(t), rate: s.requests_per_second[i], errors: s.errors_per_second[i], p50: s.p50[i], p95: s.p95[i], p99: s.p99[i],
        })));
      }
    }
  }

  /** follow has the server send what changes; happened is called when more than figures may have. */
  follow(url, happened) {
    const source = (this.source = new EventSource(url));
    this.followed = true;
    source.addEventListener("snapshot", (e) => this.take(JSON.parse(e.data)));
    source.addEventListener("sample", (e) => this.merge(JSON.parse(e.data)));
    source.addEventListener("event", (e) => {
      this.add([JSON.parse(e.data)]);
      happened();
    });
    // Refused, as when too many follow: then the figures are asked for.
    source.addEventListener("error", () => {
      this.followed = source.readyState !== EventSource.CLOSED;
      happened();
    });
  }

  close() {
    this.source?.close();
    this.followed = false;
    this.closed = true;
  }

  /** take replaces all rows. */
  take(answer) {
    for (const [name, table] of Object.entries(this.tables)) {
      const ids = new Set((answer[name] ?? []).map((row) => row.id));
      for (const id of table.keys()) if (!ids.has(id)) table.delete(id);
    }
    this.add(answer.events ?? []);
    this.merge(answer);
  }

  /** merge replaces the rows that changed, and remembers a second. */
  merge(answer) {
    for (const [name, table] of Object.entries(this.tables)) for (const row of answer[name] ?? []) table.set(row.id, row);
    const at = Date.parse(answer.at ?? "");
    if (!at) return;
    for (const row of [...this.tables.pools.values(), ...this.tables.endpoints.values()]) {
      let list = this.series.get(row.id);
      if (!list) this.series.set(row.id, (list = []));
      if (list.length && list.at(-1).at >= at) continue;
      // Load reports have no classes, and a part of errors.
      const errors = row.classes_per_second?.["5xx"] ?? (row.error_rate === null ? null : row.error_rate * row.requests_per_second);
      list.push({ at, rate: row.requests_per_second, errors, ...row.latency_ms });
      while (at - list[0].at > memory * 1000) list.shift();
    }
  }

  add(events) {
    const known = new Set(this.events.map((e) => e.id));
    this.events = [...events.filter((e) => !known.has(e.id)), ...this.events].sort((a, b) => b.id - a.id).slice(0, maxEvents);
  }

  /** rows are the targets in the form of /api/v1/targets. */
  rows() {
    return [...this.tables.targets.values()].map((t) => ({ ...t, errors: t.failures, active: t.active_requests, connections: t.active_connections }));
  }
}
