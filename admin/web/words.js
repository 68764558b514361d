// Numbers and times as people read them. All keep their width, with tabular figures.

export const per = (x) => (x === null || x === undefined ? "–" : (100 * x).toFixed(x > 0 && x < 0.0995 ? 1 : 0) + " %");

export function rate(x) {
  if (x === null || x === undefined) return "–";
  if (x >= 100000) return Math.round(x / 1000) + "k";
  if (x >= 10000) return (x / 1000).toFixed(1) + "k";
  return x >= 100 ? String(Math.round(x)) : x.toFixed(1);
}

export function millis(x) {
  if (x === null || x === undefined) return "–";
  if (x >= 10000) return (x / 1000).toFixed(0) + " s";
  if (x >= 1000) return (x / 1000).toFixed(1) + " s";
  if (x < 1) return "< 1 ms"; // Envoy counts whole ones
  return (x >= 10 ? Math.round(x) : x.toFixed(1)) + " ms";
}

export const clock = (t) => new Date(t).toLocaleTimeString([], { hour12: false });

export function age(t, now = Date.now()) {
  const s = Math.max(0, Math.round((now - new Date(t)) / 1000));
  if (s < 60) return s + " s ago";
  if (s < 3600) return Math.floor(s / 60) + " min ago";
  if (s < 86400) return Math.floor(s / 3600) + " h ago";
  return Math.floor(s / 86400) + " d ago";
}

export const plural = (n, one, many = one + "s") => `${n} ${n === 1 ? one : many}`;

export const short = (version) => (version ?? "").slice(0, 8) || "none";

export const base = (path) => (path ?? "").split("/").pop();
