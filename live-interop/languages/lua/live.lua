local cjson = require "cjson"
local websocket = require "http.websocket" -- luarocks install http, or Debian's lua-http

local socket = websocket.new_from_uri(os.getenv "LIVE_URL" or "ws://localhost:8080/live", { "live.v1.json" })
assert(socket:connect(10))
local function send(message) assert(socket:send(cjson.encode(message))) end
send { type = "subscribe", topic = "room/lobby", ref = "1" }
while true do
  local message = cjson.decode((assert(socket:receive())))
  if message.type == "ack" and message.ref == "1" then
    send { type = "publish", topic = "room/lobby", ref = "2", data = { text = "hello from Lua" } }
  elseif message.type == "error" then
    error("refused: " .. message.data.reason)
  elseif message.type == "message" then
    print(message.data.text)
    break -- remove this to stay connected
  end
end
socket:close()
