-- A node is a part of a text, from s[i] to s[j]; or once it was looked into, an array with
-- its elements in v, or an object with the names of its fields in k, as tokens in q.
local changed -- whether anything was

local function open(x)
  local s, i = x.s, x.i
  if not s then return x end
  local c = byte(s, i)
  if c ~= 123 and c ~= 91 then return x end
  x.v, x.s = {}, nil
  if c == 123 then x.k, x.q = {}, {} end
  i = ws(s, i + 1)
  while i < x.j do
    local n = #x.v + 1
    if x.k then
      local e = text(s, i)
      x.q[n], x.k[n] = sub(s, i, e - 1), decode(sub(s, i + 1, e - 2))
      i = ws(s, ws(s, e) + 1)
    end
    local e = value(s, i, 0)
    x.v[n] = {s = s, i = i, j = e - 1}
    i = ws(s, ws(s, e) + 1)
  end
  return x
end

local function write(x, out)
  if x.s then
    out[#out + 1] = sub(x.s, x.i, x.j)
    return
  end
  out[#out + 1] = x.k and '{' or '['
  for n = 1, #x.v do
    if n > 1 then out[#out + 1] = ',' end
    if x.k then
      out[#out + 1] = x.q[n]
      out[#out + 1] = ':'
    end
    write(x.v[n], out)
  end
  out[#out + 1] = x.k and '}' or ']'
end

local function put(x, name, v) -- a new field
  local n = #x.v + 1
  x.k[n], x.q[n], x.v[n] = name, '"' .. quoted(name) .. '"', v
  changed = true
end

local function object(name, v)
  local x = {k = {}, q = {}, v = {}}
  if name then put(x, name, v) end
  return x
end

-- is says that child n of x is what key means: a name, an index, or true for any.
local function is(x, n, key)
  return key == true or (x.k and x.k[n] == key) or (not x.k and key == format('%d', n - 1))
end

local function keep(x, wanted) -- the children for which wanted(n)
  local k, q, v = {}, {}, {}
  for n = 1, #x.v do
    if wanted(n) then
      local m = #v + 1
      v[m] = x.v[n]
      if x.k then k[m], q[m] = x.k[n], x.q[n] end
    end
  end
  if #v < #x.v then changed = true end
  x.v = v
  if x.k then x.k, x.q = k, q end
end

-- at calls f(parent, key) where path[from..to] leads; with make, objects that are not there
-- are made on the way.
local function at(x, path, from, to, make, f)
  if not open(x).v then return end
  if from == to then return f(x, path[to]) end
  local found = false
  for n = 1, #x.v do
    if is(x, n, path[from]) then
      found = true
      at(x.v[n], path, from + 1, to, make, f)
    end
  end
  if make and not found and x.k and path[from] ~= true and path[from + 1] ~= true then
    local o = object()
    put(x, path[from], o)
    at(o, path, from + 1, to, make, f)
  end
end

local function has(x, key) -- how many children key means, and the first
  local count, first = 0, nil
  for n = 1, #x.v do
    if is(x, n, key) then count, first = count + 1, first or n end
  end
  return count, first
end

local function take(x, key)
  if has(x, key) == 0 then return nil end
  local got
  keep(x, function(n)
    if not is(x, n, key) then return true end
    got = got or x.v[n]
  end)
  return got
end

local function assign(x, key, v, absent)
  local count, first = has(x, key)
  if count == 0 then
    if x.k and key ~= true then put(x, key, v) end
    return
  end
  if absent then return end
  changed = true
  if count > 1 and x.k and key ~= true then -- once set, a name stands once
    keep(x, function(n) return n == first or not is(x, n, key) end)
    x.v[first] = v
    return
  end
  for n = first, #x.v do
    if is(x, n, key) then x.v[n] = v end
  end
end

local function prune(x, tree)
  if tree == true then return true end
  if not open(x).v then return false end
  keep(x, function(n)
    local below = tree[x.k and x.k[n] or format('%d', n - 1)] or tree[true]
    return below ~= nil and prune(x.v[n], below)
  end)
  return true
end

local OPS = {}
function OPS.remove(root, op) at(root, op.path, 1, #op.path, false, take) end
function OPS.set(root, op, v) at(root, op.path, 1, #op.path, true, function(x, key) assign(x, key, v()) end) end
function OPS.default(root, op, v) at(root, op.path, 1, #op.path, true, function(x, key) assign(x, key, v(), true) end) end

function OPS.rename(root, op)
  at(root, op.path, 1, #op.path, false, function(x, key)
    local from
    for n = 1, #x.v do from = from or x.k and x.k[n] == key and key ~= op.name and n end
    if not from then return end
    keep(x, function(n) return x.k[n] ~= op.name and (x.k[n] ~= key or n == from) end)
    for n = 1, #x.v do
      if x.k[n] == key then x.k[n], x.q[n], changed = op.name, '"' .. quoted(op.name) .. '"', true end
    end
  end)
end

function OPS.move(root, op)
  local function move(x)
    local got
    at(x, op.path, op.shared + 1, #op.path, false, function(y, key) got = got or take(y, key) end)
    if got then at(x, op.to, op.shared + 1, #op.to, true, function(y, key) assign(y, key, got) end) end
  end
  if op.shared == 0 then return move(root) end
  at(root, op.path, 1, op.shared, false, function(x, key)
    for n = 1, #x.v do if is(x, n, key) then move(x.v[n]) end end
  end)
end

function OPS.wrap(root, op)
  if #op.path == 0 then return object(op.name, root) end
  at(root, op.path, 1, #op.path, false, function(x, key)
    for n = 1, #x.v do if is(x, n, key) then x.v[n] = object(op.name, x.v[n]) end end
  end)
end

function OPS.unwrap(root, op)
  local got
  at(root, op.path, 1, #op.path, false, function(x, key)
    for n = 1, #x.v do if is(x, n, key) then got = got or x.v[n] end end
  end)
  changed = changed or got ~= nil
  return got
end

function OPS.pick(root, op)
  local tree = {}
  for _, path in ipairs(op.paths) do
    local t = tree
    for n = 1, #path do
      if t[path[n]] == true then break end
      if n == #path then t[path[n]] = true else t[path[n]] = t[path[n]] or {} end
      t = t[path[n]]
    end
  end
  prune(root, tree)
end

-- rewrite gives the new body, or nil where nothing changes; it fails with what is wrong.
local function rewrite(s, steps, env, values)
  left = values
  local root = check(s)
  changed = false
  for _, op in ipairs(steps) do
    root = OPS[op.op](root, op, function()
      local v = env(op.value, quoted)
      return {s = v, i = 1, j = #v}
    end) or root
  end
  if not changed then return nil end
  local out = {}
  write(root, out)
  return concat(out)
end
