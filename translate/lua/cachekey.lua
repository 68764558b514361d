-- Before the cache: makes the path that the cache goes by, out of all that the target is
-- to get of a request. What is not in it does not reach the target, so that nobody can
-- put an answer into the cache that others would not have got themselves.
-- Behind the cache: what the target said of caching stands again where it was.

local count = 0

local function encoded(s)
  return (s:gsub("[^%w._~-]", function(c) return string.format("%%%02X", c:byte()) end))
end

local function decoded(s)
  return (s:gsub("%%(%x%x)", function(h) return string.char(tonumber(h, 16)) end))
end

-- all lines of a header as one, or nil
local function value(headers, name)
  local n = headers:getNumValues(name)
  if n == 0 then return nil end
  local lines = {}
  for i = 0, n - 1 do lines[#lines + 1] = headers:getAtIndex(name, i) end
  return table.concat(lines, name == "cookie" and "; " or ",")
end

-- The parameters that count, sorted by name; those of one name keep their order. Sorting
-- very many would hold up others.
local function withQuery(path, names)
  local at = path:find("?", 1, true)
  if not at then return path end
  local wanted, list = nil, {}
  if names then
    wanted = {}
    for _, name in ipairs(names) do wanted[name] = true end
  end
  for part in (path:sub(at + 1) .. "&"):gmatch("([^&]*)&") do
    local name = decoded(part:match("^[^=]*"))
    if part ~= "" and (not wanted or wanted[name]) then list[#list + 1] = {name = name, part = part, place = #list} end
  end
  if #list <= 100 then
    table.sort(list, function(a, b)
      if a.name ~= b.name then return a.name < b.name end
      return a.place < b.place
    end)
  end
  for i, x in ipairs(list) do list[i] = x.part end
  if #list == 0 then return path:sub(1, at - 1) end
  return path:sub(1, at) .. table.concat(list, "&")
end

-- The named ones of a request's cookies, in the order of the names.
local function cookies(header, names)
  local found, list = {}, {}
  for part in (header .. ";"):gmatch("%s*([^;]*);") do
    local name = part:match("^([^=]-)%s*=")
    if name and not found[name] then found[name] = part end
  end
  for _, name in ipairs(names) do
    if found[name] then list[#list + 1] = found[name] end
  end
  return table.concat(list, "; ")
end

-- the client's address without its port
local function address(s)
  return s:match("^%[(.-)%]") or s:match("^(.-):%d+$") or s
end

function envoy_on_request(handle)
  local headers, context = handle:headers(), handle:filterContext()
  local parts, kept, authorization = {encoded(headers:get("x-forwarded-proto") or "")}, {}, nil
  -- What the client asks of caches would decide what others get; whole answers are kept.
  drop(headers, function(name) return name:find("^x%-backworks%-") or name:find("^if%-") or name == "cache-control" or name == "pragma" end)
  local function hand(name, v) headers:replace("x-backworks-" .. name, v) end
  for _, name in ipairs(context:get("vary")) do
    local v = value(headers, name)
    if v then
      parts[#parts + 1] = "h." .. name .. "=" .. encoded(v)
      kept[#kept + 1] = name
      if name == "authorization" then authorization = v end
    end
  end
  -- The cache takes no request that has it.
  headers:remove("authorization")
  if authorization then hand("authorization", authorization) end
  local names = context:get("cookies")
  local cookie = names and value(headers, "cookie")
  cookie = cookie and cookies(cookie, names) or ""
  if cookie ~= "" then
    parts[#parts + 1] = "c=" .. encoded(cookie)
    hand("cookie", cookie)
  end
  local original = headers:get(":path")
  local path = withQuery(original, context:get("query"))
  local key = "/" .. context:get("generation") .. "/" .. table.concat(parts, ";") .. path
  count = count + 1
  local nonce = handle:timestampString(EnvoyTimestampResolution.MICROSECOND) .. "." .. count
  hand("nonce", nonce)
  hand("path", path)
  hand("keep", table.concat(kept, ","))
  hand("vary", context:get("varies"))
  hand("largest", context:get("largest"))
  hand("client", address(handle:streamInfo():downstreamRemoteAddress()))
  if context:get("ttl") then hand("ttl", context:get("ttl")) end
  if context:get("drop") then hand("drop", "1") end
  headers:replace("x-envoy-original-path", original) -- for the logs
  headers:replace(":path", key)
  local notes = handle:streamInfo():dynamicMetadata()
  notes:set("backworks.cache", "nonce", nonce)
  notes:set("backworks.cache", "key", key .. " " .. headers:get(":authority"))
end

-- Two keys can have one place in the store, which looks at their hash alone.
local function another(handle)
  handle:body(true):setBytes("")
  local headers = handle:headers()
  drop(headers, function(name) return name:sub(1, 1) ~= ":" end)
  headers:replace(":status", "503")
end

function envoy_on_response(handle)
  local notes = handle:streamInfo():dynamicMetadata()
  local mine = notes:get("backworks.cache")
  if not mine then return end -- the request was refused before it came here
  local headers = handle:headers()
  local nonce, result = headers:get("x-backworks-nonce"), "miss"
  if nonce and nonce ~= mine.nonce then
    result = "hit"
    if headers:get("x-backworks-key") ~= mine.key then
      another(handle)
      headers, nonce, result = handle:headers(), nil, "miss"
    end
  end
  if nonce then
    headers:remove("cache-control")
    for _, name in ipairs({"cache-control", "expires", "pragma", "vary"}) do
      local was = headers:get("x-backworks-" .. name)
      if was then headers:replace(name, was) end
    end
    local age = tonumber(headers:get("x-backworks-age") or "")
    if age then headers:replace("age", string.format("%d", age + (tonumber(headers:get("age") or "") or 0))) end
  end
  for _, name in ipairs({"nonce", "key", "cache-control", "expires", "pragma", "vary", "age"}) do headers:remove("x-backworks-" .. name) end
  headers:replace(handle:filterContext():get("status"), result)
  notes:set("backworks.cache", "result", result)
end
