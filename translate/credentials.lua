-- Takes parameters out of the query, and cookies, by the names in the filter context.
-- The rest stays byte for byte: Envoy's own mutation of the query would decode it.

local function decoded(s)
  return (s:gsub("%%(%x%x)", function(h) return string.char(tonumber(h, 16)) end))
end

local function names(list)
  local set = {}
  for _, name in ipairs(list or {}) do set[name] = true end
  return set
end

local function withoutQuery(path, taken)
  local at = path:find("?", 1, true)
  if not at then return path end
  local kept = {}
  for part in (path:sub(at + 1) .. "&"):gmatch("([^&]*)&") do
    if not taken[decoded(part:match("^[^=]*"))] then kept[#kept + 1] = part end
  end
  local query = table.concat(kept, "&")
  if query == "" then return path:sub(1, at - 1) end
  return path:sub(1, at) .. query
end

local function withoutCookies(cookie, taken)
  local kept = {}
  for part in (cookie .. ";"):gmatch("%s*([^;]*);") do
    if part ~= "" and not taken[part:match("^([^=]-)%s*=") or part] then kept[#kept + 1] = part end
  end
  return table.concat(kept, "; ")
end

function envoy_on_request(handle)
  local headers, context = handle:headers(), handle:filterContext()
  local path = headers:get(":path")
  local rest = withoutQuery(path, names(context:get("query")))
  if rest ~= path then headers:replace(":path", rest) end
  local taken, kept = names(context:get("cookies")), {}
  if next(taken) == nil or not headers:get("cookie") then return end
  for i = 0, headers:getNumValues("cookie") - 1 do
    local cookie = withoutCookies(headers:getAtIndex("cookie", i), taken)
    if cookie ~= "" then kept[#kept + 1] = cookie end
  end
  headers:remove("cookie")
  if #kept > 0 then headers:add("cookie", table.concat(kept, "; ")) end
end
