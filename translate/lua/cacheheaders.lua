-- Takes away the headers whose names are unwanted. They cannot go while they are walked
-- through.
local function drop(headers, unwanted)
  local gone = {}
  for name in pairs(headers) do
    if unwanted(name) then gone[#gone + 1] = name end
  end
  for _, name in ipairs(gone) do headers:remove(name) end
end

