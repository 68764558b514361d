-- What the plugin transformations does to requests and answers. This text is the same for
-- every blueprint: what is to be done comes as data in the filter context of a route, so
-- that no text of a blueprint becomes code. It runs in Envoy (LuaJIT) and in
-- `backworks transform` (gopher-lua), so it keeps to Lua 5.1.
local byte, char, concat, find, format, gsub, match, sub =
  string.byte, string.char, table.concat, string.find, string.format, string.gsub, string.match, string.sub
local floor = math.floor
local DEPTH = 64 -- of nesting, so that no body uses up the stack

-- Reading JSON (RFC 8259). Each function takes the text and where a value begins, and gives
-- the place behind it, or fails with what is wrong.
local function ws(s, i)
  local c = byte(s, i)
  if c and c > 32 then return i end
  return find(s, '[^ \t\r\n]', i) or #s + 1
end

local function broken() error('broken', 0) end

local function text(s, i)
  while true do
    i = find(s, '["\\\1-\31]', i + 1)
    local c = i and byte(s, i)
    if c == 34 then return i + 1 end
    if c ~= 92 then broken() end
    i = i + 1
    c = byte(s, i)
    if c == 117 then
      if not find(s, '^%x%x%x%x', i + 1) then broken() end
    elseif not c or not find('"\\/bfnrt', char(c), 1, true) then broken() end
  end
end

local function digits(s, i)
  local j = find(s, '[^0-9]', i) or #s + 1
  if j == i then broken() end
  return j
end

local function number(s, i)
  if byte(s, i) == 45 then i = i + 1 end
  if byte(s, i) == 48 then i = i + 1 else i = digits(s, i) end
  if byte(s, i) == 46 then i = digits(s, i + 1) end
  if find(s, '^[eE]', i) then i = digits(s, find(s, '^[+-]', i + 1) and i + 2 or i + 1) end
  return i
end

local left -- how many values a body may still have: time is spent on each of them
local value
local function list(s, i, depth, close, element)
  if depth >= DEPTH then error('deep', 0) end
  i = ws(s, i + 1)
  if byte(s, i) == close then return i + 1 end
  while true do
    i = ws(s, element(s, i, depth + 1))
    local c = byte(s, i)
    if c == close then return i + 1 end
    if c ~= 44 then broken() end
    i = ws(s, i + 1)
  end
end

local function field(s, i, depth)
  if byte(s, i) ~= 34 then broken() end
  i = ws(s, text(s, i))
  if byte(s, i) ~= 58 then broken() end
  return value(s, ws(s, i + 1), depth)
end

function value(s, i, depth)
  left = left - 1
  if left < 0 then error('large', 0) end
  local c = byte(s, i)
  if c == 34 then return text(s, i) end
  if c == 123 then return list(s, i, depth, 125, field) end
  if c == 91 then return list(s, i, depth, 93, value) end
  if c == 116 and sub(s, i, i + 3) == 'true' or c == 110 and sub(s, i, i + 3) == 'null' then return i + 4 end
  if c == 102 and sub(s, i, i + 4) == 'false' then return i + 5 end
  return number(s, i)
end

local FOLLOW = {[2] = '^[\128-\191]', [3] = '^[\128-\191][\128-\191]', [4] = '^[\128-\191][\128-\191][\128-\191]'}

-- utf8 gives the length of the sequence at i (RFC 3629), or nil.
local function utf8(s, i)
  local a, b = byte(s, i, i + 1)
  local n = a >= 240 and 4 or a >= 224 and 3 or 2
  if a < 194 or a > 244 or not find(s, FOLLOW[n], i + 1) then return nil end
  if a == 224 and b < 160 or a == 237 and b > 159 or a == 240 and b < 144 or a == 244 and b > 143 then return nil end
  return n
end

local function check(s)
  if find(s, '\0', 1, true) then broken() end
  local i = find(s, '[\128-\255]')
  while i do
    i = find(s, '[\128-\255]', i + (utf8(s, i) or broken()))
  end
  i = ws(s, 1)
  local j = value(s, i, 0)
  if ws(s, j) <= #s then broken() end
  left = math.huge
  return {s = s, i = i, j = j - 1}
end

-- Strings of JSON.
local PLAIN = {b = '\b', f = '\f', n = '\n', r = '\r', t = '\t'}
local function point(c)
  if c < 128 then return char(c) end
  if c < 2048 then return char(192 + floor(c / 64), 128 + c % 64) end
  if c < 65536 then return char(224 + floor(c / 4096), 128 + floor(c / 64) % 64, 128 + c % 64) end
  return char(240 + floor(c / 262144), 128 + floor(c / 4096) % 64, 128 + floor(c / 64) % 64, 128 + c % 64)
end

local function decode(s) -- a string token without its quotes
  if not find(s, '\\', 1, true) then return s end
  local out, i = {}, 1
  while true do
    local j = find(s, '\\', i, true)
    out[#out + 1] = sub(s, i, (j or #s + 1) - 1)
    if not j then return concat(out) end
    local c = sub(s, j + 1, j + 1)
    i = j + 2
    if c == 'u' then
      local n, low = tonumber(sub(s, i, i + 3), 16), match(s, '^\\u([dD][c-fC-F]%x%x)', i + 4)
      i = i + 4
      if n >= 55296 and n < 56320 and low then
        n, i = 65536 + (n - 55296) * 1024 + tonumber(low, 16) - 56320, i + 6
      end
      c = point(n)
    end
    out[#out + 1] = PLAIN[c] or c
  end
end

local function quoted(s) -- any bytes as the inside of a string token
  s = gsub(s, '[%c"\\]', function(c) return format('\\u%04x', byte(c)) end)
  local i, from, out = find(s, '[\128-\255]'), 1, nil
  while i do
    local n = utf8(s, i)
    if not n then
      out = (out or '') .. sub(s, from, i - 1) .. '\239\191\189'
      from = i + 1
    end
    i = find(s, '[\128-\255]', i + (n or 1))
  end
  return out and out .. sub(s, from) or s
end

