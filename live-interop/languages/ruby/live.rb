require "eventmachine"
require "faye/websocket" # gem install faye-websocket, or Debian's ruby-faye-websocket
require "json"

EM.run do
  url = ENV.fetch("LIVE_URL", "ws://localhost:8080/live")
  socket = Faye::WebSocket::Client.new(url, ["live.v1.json"])
  send = ->(message) { socket.send(message.to_json) }
  socket.on(:open) { send.call({ type: "subscribe", topic: "room/lobby", ref: "1" }) }
  socket.on(:message) do |event|
    case JSON.parse(event.data, symbolize_names: true)
    in { type: "ack", ref: "1" }
      send.call({ type: "publish", topic: "room/lobby", ref: "2", data: { text: "hello from Ruby" } })
    in { type: "error", data: { reason: } } then warn "refused: #{reason}"
    in { type: "message", data: { text: } }
      puts text
      socket.close # remove this to stay connected
    else nil
    end
  end
  socket.on(:close) { |event| EM.stop }
end
