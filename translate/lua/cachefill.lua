-- Between the cache and the targets. A request gets back what the target is to see of it,
-- and nothing else; the answer says to the cache alone whether and how long it is kept.

local passes = {
  [":authority"] = true, [":method"] = true, [":path"] = true, [":scheme"] = true,
  ["x-forwarded-for"] = true, ["x-forwarded-proto"] = true, ["x-request-id"] = true,
  ["traceparent"] = true, ["tracestate"] = true, ["x-backworks-miss"] = true,
}

local function words(s)
  local set = {}
  for word in s:gmatch("[^,]+") do set[word:match("^%s*(.-)%s*$"):lower()] = true end
  return set
end

function envoy_on_request(handle)
  local headers = handle:headers()
  if not headers:get("x-backworks-path") then return end -- nothing is kept then
  local path, cookie, authorization = headers:get("x-backworks-path"), headers:get("x-backworks-cookie"), headers:get("x-backworks-authorization")
  local keep = headers:get("x-backworks-keep") or ""
  local kept = words(keep)
  local notes = handle:streamInfo():dynamicMetadata()
  local function note(name, v) notes:set("backworks.fill", name, v) end
  note("key", headers:get(":path") .. " " .. headers:get(":authority"))
  for _, name in ipairs({"nonce", "ttl", "drop", "vary", "largest"}) do note(name, headers:get("x-backworks-" .. name) or "") end
  drop(headers, function(name) return not passes[name] and not kept[name] end)
  if cookie then headers:replace("cookie", cookie) end
  if authorization then headers:replace("authorization", authorization) end
  headers:replace(":path", path)
end

-- The directives of Cache-Control, in lower case.
local function directives(s)
  local set = {}
  for part in s:lower():gmatch("[^,]+") do
    local name, v = part:match("^%s*([^=%s]+)%s*=?%s*\"?([^\"]*)")
    if name and set[name] == nil then set[name] = v end
  end
  return set
end

-- How many seconds an answer may be kept; nil: not at all.
local function lifetime(headers, notes, control)
  if headers:get(":status") ~= "200" or headers:get("set-cookie") or headers:get("content-range") then return nil end
  if (tonumber(headers:get("content-length") or "") or 0) > (tonumber(notes.largest) or 0) then return nil end
  -- It may have no end, and would be written for as long as the client stays.
  if (headers:get("content-type") or ""):lower():find("^%s*text/event%-stream") then return nil end
  local said = directives(control or "")
  for _, name in ipairs({"private", "no-store", "no-cache"}) do
    if said[name] then return nil end
  end
  if not control and (headers:get("pragma") or ""):lower():find("no-cache", 1, true) then return nil end
  local known = words(notes.vary)
  for name in pairs(words(headers:get("vary") or "")) do
    -- Targets get no Accept-Encoding.
    if not known[name] and name ~= "accept-encoding" then return nil end
  end
  local forced = tonumber(notes.ttl)
  if forced then return forced end
  local seconds = (said["s-maxage"] or said["max-age"] or ""):match("^%d+$")
  if not seconds then return nil end
  return math.min(tonumber(seconds), 31536000) - (tonumber(headers:get("age") or "") or 0)
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local notes = handle:streamInfo():dynamicMetadata():get("backworks.fill")
  local said = headers:get("cache-control")
  headers:replace("cache-control", "no-store") -- first of all, should anything fail
  drop(headers, function(name) return name:find("^x%-backworks%-") end)
  if not notes then return end
  if notes.drop == "1" then headers:remove("set-cookie") end
  local seconds = lifetime(headers, notes, said)
  if said then headers:replace("x-backworks-cache-control", said) end
  for _, name in ipairs({"expires", "pragma", "vary", "age"}) do
    local v = headers:get(name)
    if v then headers:replace("x-backworks-" .. name, v) end
    headers:remove(name)
  end
  headers:remove("date") -- a target's clock may be wrong; the proxy puts its own
  headers:replace("x-backworks-nonce", notes.nonce)
  headers:replace("x-backworks-key", notes.key)
  if seconds and seconds > 0 then
    headers:replace("cache-control", string.format("public, max-age=%d", seconds))
  end
end
