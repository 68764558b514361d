
local KEPT = 'backworks.transform' -- the metadata in which values of the request wait

-- Values of a request that placeholders stand for; "" where there is none.
local function date(ms)
  local s = floor(ms / 1000)
  local day, year, month = floor(s / 86400), 1970, 1
  local function leap() return (year % 4 == 0 and year % 100 ~= 0 or year % 400 == 0) and 1 or 0 end
  while day >= 365 + leap() do day, year = day - 365 - leap(), year + 1 end
  local months = {31, 28 + leap(), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}
  while day >= months[month] do day, month = day - months[month], month + 1 end
  s = s % 86400
  return format('%04d-%02d-%02dT%02d:%02d:%02d.%03dZ', year, month, day + 1, floor(s / 3600), floor(s / 60) % 60, s % 60, ms % 1000)
end

local function unescape(s)
  return (gsub(gsub(s, '%+', ' '), '%%(%x%x)', function(x) return char(tonumber(x, 16)) end))
end

-- parameters are those of a path's query: each with its name, and the text as it stands there.
local function parameters(path)
  local out = {}
  for one in string.gmatch(match(path, '^[^?]*%?(.*)$') or '', '[^&]+') do
    out[#out + 1] = {name = unescape(match(one, '^[^=]*')), text = one}
  end
  return out
end

local GET = {}
function GET.header(h, name) return h:headers():get(name) end
function GET.method(h) return h:headers():get(':method') end
function GET.path(h) return h:headers():get(':path') end
function GET.scheme(h) return h:headers():get(':scheme') end
function GET.request_id(h) return h:headers():get('x-request-id') end
function GET.host(h, forwarded) return forwarded and h:headers():get(forwarded) or h:headers():get(':authority') end
function GET.now(h) return date(tonumber(h:timestamp(EnvoyTimestampResolution.MILLISECOND))) end
function GET.param(h, name) return (h:streamInfo():dynamicMetadata():get('backworks.path') or {})[name] end

function GET.query(h, name)
  for _, p in ipairs(parameters(h:headers():get(':path') or '')) do
    if p.name == name then return unescape(match(p.text, '=(.*)$') or '') end
  end
end

function GET.client_ip(h)
  local address = h:streamInfo():downstreamRemoteAddress()
  return match(address, '^%[(.*)%]:%d+$') or match(address, '^(.*):%d+$') or address
end

local function key(p) return p.v .. '.' .. (p.a or '') end

-- fill puts a text together: get(p) is the value of a placeholder, and quote goes over it.
local function fill(parts, get, quote)
  local out = {}
  for n, p in ipairs(parts) do out[n] = type(p) == 'string' and p or quote(get(p)) end
  return concat(out)
end

local function asis(s) return s end

local function escape(s)
  return (gsub(s, '[^A-Za-z0-9._~-]', function(c) return format('%%%02X', byte(c)) end))
end

local function query(path, q, get)
  local list = parameters(path)
  local function each(name, f)
    local out, found = {}, false
    for _, p in ipairs(list) do
      if p.name == name then p, found = f(p, found), true end
      out[#out + 1] = p
    end
    list = out
    return found
  end
  local function drop() end
  for _, r in ipairs(q.rename or {}) do
    local there = false
    for _, p in ipairs(list) do there = there or p.name == r.from end
    if there then
      each(r.to, drop)
      each(r.from, function(p) return {name = r.to, text = r.to .. (match(p.text, '=.*$') or '')} end)
    end
  end
  for _, name in ipairs(q.remove or {}) do each(name, drop) end
  local function add(p, replace)
    local new = {name = p.name, text = p.name .. '=' .. escape(fill(p.value, get, asis))}
    local found = each(p.name, function(old, found)
      if not replace then return old end
      if not found then return new end
    end)
    if not found then list[#list + 1] = new end
  end
  for _, p in ipairs(q.defaults or {}) do add(p, false) end
  for _, p in ipairs(q.set or {}) do add(p, true) end
  for n, p in ipairs(list) do list[n] = p.text end
  return match(path, '^[^?]*') .. (#list > 0 and '?' or '') .. concat(list, '&')
end

local function rename(headers, list)
  for _, r in ipairs(list or {}) do
    local values = {}
    for n = 0, headers:getNumValues(r.from) - 1 do values[n + 1] = headers:getAtIndex(r.from, n) end
    if #values > 0 then
      headers:remove(r.to)
      headers:remove(r.from)
      for _, v in ipairs(values) do headers:add(r.to, v) end
    end
  end
end

local REFUSED = {
  type = {'415', 'unsupported_media_type', 'the body must be JSON'},
  encoded = {'415', 'unsupported_media_type', 'the body must be whole and not compressed'},
  large = {'413', 'payload_too_large', 'the body is too large'},
  broken = {'400', 'bad_request', 'the body is no JSON'},
  deep = {'400', 'bad_request', 'the body is nested too deep'},
}

-- body changes one. Of one that cannot be changed it gives what is wrong, its length where
-- it is known, and whether it was read: where the headers say enough, it is not, so that
-- nothing is held up.
local function json(media)
  media = match(media or '', '^%s*([^;%s]*)'):lower()
  return media == 'application/json' or media == 'text/json' or find(media, '^application/.*%+json$')
end

local function body(h, part, get, changes)
  local headers = h:headers()
  local size, media, encoding = tonumber(headers:get('content-length') or ''), headers:get('content-type'), headers:get('content-encoding')
  if size == 0 or not size and not media then return end
  if not json(media) then return 'type', size, false end
  if encoding and encoding:lower() ~= 'identity' or headers:get('content-range') then return 'encoded', size, false end
  if size and size > part.max then return 'large', size, false end
  local b = h:body()
  if not b then return changes(size ~= nil) end -- of HEAD
  local n = b:length()
  if n == 0 then return end
  if n > part.max then return 'large', n, true end
  local ok, new = pcall(rewrite, b:getBytes(0, n), part.steps, function(parts, quote) return fill(parts, get, quote) end, math.max(1000, part.max / 16))
  if not ok then return REFUSED[new] and new or 'broken', n, true end
  if new then
    changes(false)
    b:setBytes(new)
  end
end

local function reason(code, message) return '{"error":"' .. code .. '","message":"' .. message .. '"}' end

function envoy_on_request(h)
  local c = h:filterContext()
  local function get(p) return GET[p.v](h, p.a) or '' end
  for _, p in ipairs(c:get('keep') or {}) do
    h:streamInfo():dynamicMetadata():set(KEPT, key(p), get(p))
  end
  local r = c:get('request')
  if not r then return end
  if r.body then
    local wrong, size = body(h, r.body, get, function() end)
    if wrong and r.body.refuse and (size or h:body()) then
      local w = REFUSED[wrong]
      h:respond({[':status'] = w[1], ['content-type'] = 'application/json'}, reason(w[2], w[3]))
      return
    end
  end
  if r.query then
    local path = h:headers():get(':path')
    local new = query(path, r.query, get)
    if new ~= path then h:headers():replace(':path', new) end
  end
  rename(h:headers(), r.rename)
end

local STALE = {'content-md5', 'digest', 'content-digest', 'repr-digest', 'accept-ranges'}

-- differs takes away what is no longer true of an answer whose body is another one.
local function differs(headers, length)
  for _, name in ipairs(STALE) do headers:remove(name) end
  local etag = headers:get('etag')
  if etag and not find(etag, '^W/') then headers:replace('etag', 'W/' .. etag) end
  if length then headers:remove('content-length') end
end

local function status(headers, s)
  local now = tonumber(headers:get(':status'))
  if now == 304 then return end
  for _, m in ipairs(s.map or {}) do
    if now >= m.from and now <= m.through then
      headers:replace(':status', format('%d', m.to))
      return
    end
  end
  if s.force then headers:replace(':status', format('%d', s.force)) end
end

function envoy_on_response(h)
  local r = h:filterContext():get('response')
  local headers = h:headers()
  -- Only the router sets this, on answers of targets: those of the proxy itself stay.
  if not r or not headers:get('x-envoy-upstream-service-time') then return end
  local was = headers:get(':status')
  if was == '101' then return end
  if r.status then status(headers, r.status) end
  local late, read
  if r.body and was ~= '204' and was ~= '304' then
    local kept = h:streamInfo():dynamicMetadata():get(KEPT) or {}
    local wrong, _
    wrong, _, read = body(h, r.body, function(p) return kept[key(p)] or '' end, function(length) differs(h:headers(), length) end)
    headers = h:headers()
    if wrong and r.body.refuse then
      late = reason('bad_gateway', 'the answer of the target cannot be changed as it must be')
      differs(headers, true)
      for _, name in ipairs({'etag', 'content-encoding', 'content-range'}) do headers:remove(name) end
      headers:replace(':status', '502')
      headers:replace('content-type', 'application/json')
    end
  end
  rename(headers, r.rename)
  for _, name in ipairs(r.hide or {}) do headers:remove(name) end
  if not late then return end
  if read then
    h:body():setBytes(late)
    return
  end
  for chunk in h:bodyChunks() do -- held up by nothing
    chunk:setBytes(late)
    late = ''
  end
end
