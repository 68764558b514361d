// The lines by which two texts differ.

const most = 3000; // lines that are compared one by one; beyond, all are said to differ

/** diff gives [sign, line, number] for each line: " ", "-" or "+". */
export function diff(before, after) {
  const a = lines(before), b = lines(after);
  let from = 0;
  while (from < a.length && from < b.length && a[from] === b[from]) from++;
  let endA = a.length, endB = b.length;
  while (endA > from && endB > from && a[endA - 1] === b[endB - 1]) { endA--; endB--; }
  const out = b.slice(0, from).map((l, i) => [" ", l, i + 1]);
  out.push(...middle(a.slice(from, endA), b.slice(from, endB), from));
  for (let i = endB; i < b.length; i++) out.push([" ", b[i], i + 1]);
  return out;
}

// middle goes along a longest common subsequence.
function middle(a, b, from) {
  const minus = (l, i) => ["-", l, from + i + 1], plus = (l, i) => ["+", l, from + i + 1];
  if (a.length > most || b.length > most || !a.length || !b.length) return [...a.map(minus), ...b.map(plus)];
  const w = b.length + 1;
  const best = new Uint16Array((a.length + 1) * w);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) best[i * w + j] = a[i] === b[j] ? best[(i + 1) * w + j + 1] + 1 : Math.max(best[(i + 1) * w + j], best[i * w + j + 1]);
  }
  const out = [];
  let i = 0, j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) { out.push([" ", b[j], from + j + 1]); i++; j++; }
    else if (i < a.length && (j === b.length || best[(i + 1) * w + j] >= best[i * w + j + 1])) { out.push(minus(a[i], i)); i++; }
    else { out.push(plus(b[j], j)); j++; }
  }
  return out;
}

/** around leaves lines near a difference; null stands for what is left out. */
export function around(list, context = 3) {
  const near = new Set();
  list.forEach(([sign], i) => {
    if (sign === " ") return;
    for (let k = i - context; k <= i + context; k++) near.add(k);
  });
  const out = [];
  list.forEach((line, i) => {
    if (near.has(i)) out.push(line);
    else if (out.at(-1) !== null) out.push(null);
  });
  return out;
}

const lines = (text) => (text === "" ? [] : text.replace(/\n$/, "").split("\n"));
