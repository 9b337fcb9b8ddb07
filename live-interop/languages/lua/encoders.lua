-- The Lua encoders in Debian. Encoder.kt describes the commands.
local cjson = require "cjson"
local msgpack = require "MessagePack"

local function version(name)
  local pipe = io.popen("dpkg-query -W -f '${Version}' " .. name)
  local text = pipe:read("a"):match("^[%d.]+")
  pipe:close()
  return text
end

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local function base64(bytes)
  local out = {}
  for i = 1, #bytes, 3 do
    local a, b, c = bytes:byte(i, i + 2)
    local n = a << 16 | (b or 0) << 8 | (c or 0)
    for k, shift in ipairs { 18, 12, 6, 0 } do
      local present = k <= 2 or (k == 3 and b) or (k == 4 and c)
      local at = (n >> shift & 63) + 1
      out[#out + 1] = present and ALPHABET:sub(at, at) or "="
    end
  end
  return table.concat(out)
end

local function unbase64(text)
  local out, n, bits = {}, 0, 0
  for letter in text:gmatch("[^=]") do
    n, bits = (n << 6 | (ALPHABET:find(letter, 1, true) - 1)) & 0xffffff, bits + 6
    if bits >= 8 then
      bits = bits - 8
      out[#out + 1] = string.char(n >> bits & 255)
    end
  end
  return table.concat(out)
end

local function same(body) return body end

-- library, version, codec, setting, expected error, encode, decode, body type
local entries = {
  { "lua-cjson", version("lua-cjson"), "json", "", "!{}", -- its empty arrays are empty objects
    cjson.encode, cjson.decode, base64 },
  { "lua-MessagePack", msgpack._VERSION:match("[%d.]+"), "msgpack", "", "", msgpack.pack, msgpack.unpack, same },
}

local function unhex(field)
  if field == "-" then return nil end
  if field == "." then return "" end
  return (field:gsub("..", function(pair) return string.char(tonumber(pair, 16)) end))
end

local function enhex(value)
  if value == nil or value == cjson.null then return "-" end
  if value == "" then return "." end
  return (value:gsub(".", function(letter) return ("%02x"):format(letter:byte()) end))
end

local function answer(entry, command, fields)
  local codec, encode, decode, body_of = entry[3], entry[6], entry[7], entry[8]
  local is_json = codec == "json"
  if command == "write" then
    local message = { type = unhex(fields[1]), topic = unhex(fields[2]), ref = unhex(fields[3]) }
    if fields[4] ~= "-" then message.body = body_of(unhex(fields[4])) end
    if fields[5] ~= "-" then message.data = is_json and cjson.decode(unhex(fields[5])) or unhex(fields[5]) end
    if fields[6] ~= "0" and is_json then -- a table of Lua cannot hold nil
      for _, name in ipairs { "body", "data", "offset" } do
        if message[name] == nil then message[name] = cjson.null end
      end
    end
    return enhex(encode(message))
  elseif command == "since" then
    local data = decode(unhex(fields[3])).data
    if not is_json then data = cjson.decode(data) end
    local since = { since = { epoch = data.epoch, offset = data.offset } }
    return enhex(encode {
      type = "subscribe", topic = unhex(fields[1]), ref = unhex(fields[2]), data = is_json and since or cjson.encode(since),
    })
  end
  local message = decode(unhex(fields[1]))
  local body, data = message.body, message.data
  if is_json then
    if body then body = unbase64(body) end
    if data ~= nil then data = cjson.encode(data) end
  end
  local parts = { enhex(message.type), enhex(message.topic), enhex(message.ref), enhex(body), enhex(data) }
  return table.concat(parts, " ") .. " " .. (message.offset and ("%d"):format(message.offset) or "-")
end

if arg[1] == "list" then
  for _, entry in ipairs(entries) do print(table.concat(entry, "|", 1, 5)) end
else
  io.stdout:setvbuf("line")
  for line in io.lines() do
    local fields = {}
    for field in line:gmatch("%S+") do fields[#fields + 1] = field end
    local ok, text = pcall(answer, entries[tonumber(arg[2]) + 1], table.remove(fields, 1), fields)
    print(ok and text or "! " .. tostring(text):gsub("\n", " "))
  end
end
