-- The Lua WebSocket clients in Debian. ClientMatrix.kt describes their sessions.
local websocket = require "http.websocket"

local function enhex(bytes)
  return (bytes:gsub(".", function(letter) return ("%02x"):format(letter:byte()) end))
end

local function unhex(text)
  return (text:gsub("..", function(pair) return string.char(tonumber(pair, 16)) end))
end

local function session(url, subprotocol, file)
  local socket = websocket.new_from_uri(url, { subprotocol })
  local ok, problem = socket:connect(10)
  if not ok then
    return "failed " .. tostring(problem)
  end
  print("open " .. (socket.protocol or "-"))
  local frames = io.lines(file)
  while true do
    local line = frames and frames()
    if not line then frames = nil end
    local kind, value = (line or ""):match("(%a) (%x*)")
    if kind == "c" then
      socket:close(tonumber(value))
    elseif kind then
      socket:send(unhex(value), kind == "b" and 2 or 1)
    end
    local frame, opcode, code = socket:receive(30)
    if not frame then
      code = socket.got_close_code or code
      return "closed " .. (type(code) == "number" and code or "not reported")
    end
    print((opcode == "text" and "t " or "b ") .. enhex(frame))
  end
end

if arg[1] == "list" then
  print("lua-http|" .. require "http.version".version .. "|")
else
  io.stdout:setvbuf("line")
  for line in io.lines() do
    local url, subprotocol, file = line:match("(%S+) (%S+) (%S+)")
    local ok, ended = pcall(session, url, subprotocol, file)
    print(((ok and ended or "failed " .. tostring(ended)):gsub("\n", " ")))
    print("done")
  end
end
