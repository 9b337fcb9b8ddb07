# The Ruby WebSocket clients in Debian. ClientMatrix.kt describes their sessions.
require "eventmachine"
require "faye/websocket"

$stdout.sync = true

def with_faye(url, subprotocol, frames)
  ended = nil
  EM.run do
    socket = Faye::WebSocket::Client.new(url, [subprotocol])
    send_next = lambda do
      kind, value = frames.shift
      case kind
      when "c" then socket.close(value.to_i)
      when "t" then socket.send([value].pack("H*").force_encoding("UTF-8"))
      when "b" then socket.send([value].pack("H*").bytes)
      end
    end
    socket.on(:open) do
      puts "open #{socket.protocol.to_s.empty? ? "-" : socket.protocol}"
      send_next.call
    end
    socket.on(:message) do |event|
      text = event.data.is_a?(String)
      puts "#{text ? "t" : "b"} #{(text ? event.data : event.data.pack("C*")).unpack1("H*")}"
      send_next.call
    end
    socket.on(:error) { |event| ended ||= event.message[/response code: (\d+)/, 1]&.then { |status| "refused #{status}" } }
    socket.on(:close) do |event|
      ended ||= "closed #{event.code}"
      EM.stop
    end
  end
  puts ended
end

if ARGV[0] == "list"
  puts "faye-websocket|#{Gem.loaded_specs["faye-websocket"]&.version || `dpkg-query -W -f '${Version}' ruby-faye-websocket`[/[\d.]+/]}|"
else
  $stdin.each_line do |line|
    url, subprotocol, file = line.split
    with_faye(url, subprotocol, File.readlines(file).map(&:split))
    puts "done"
  end
end
