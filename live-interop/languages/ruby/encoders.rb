# The Ruby encoders in Debian. Encoder.kt describes the commands.
require "base64"
require "cbor"
require "json"
require "msgpack"

$stdout.sync = true
JSON_ENCODER = { encode: ->(message) { message.to_json }, decode: ->(frame) { JSON.parse(frame.dup.force_encoding("UTF-8")) } }.freeze
CBOR_ENCODER = { encode: ->(message) { message.to_cbor }, decode: ->(frame) { CBOR.decode(frame) } }.freeze
MSGPACK_ENCODER = { encode: ->(message) { message.to_msgpack }, decode: ->(frame) { MessagePack.unpack(frame) } }.freeze
SAME = ->(body) { body }
AS_TEXT = ->(body) { body.dup.force_encoding("UTF-8") }

# library, version, codec, setting, expected error, encoder, body type
ENTRIES = [
  ["json, Base64.strict_encode64", JSON::VERSION, "json", "", "", JSON_ENCODER, ->(body) { Base64.strict_encode64(body) }],
  ["json, Base64.encode64", JSON::VERSION, "json", "", "line break", JSON_ENCODER, ->(body) { Base64.encode64(body) }],
  ["cbor", Gem.loaded_specs["cbor"]&.version || CBOR::VERSION, "cbor", "", "", CBOR_ENCODER, SAME],
  ["cbor, a body that is not ASCII-8BIT", CBOR::VERSION, "cbor", "", "byte string", CBOR_ENCODER, AS_TEXT],
  ["msgpack", MessagePack::VERSION, "msgpack", "", "", MSGPACK_ENCODER, SAME],
  ["msgpack, a body that is not ASCII-8BIT", MessagePack::VERSION, "msgpack", "", "", MSGPACK_ENCODER, AS_TEXT],
].freeze

def unhex(field) = field == "-" ? nil : [field == "." ? "" : field].pack("H*")

def text(field) = unhex(field)&.force_encoding("UTF-8")

def enhex(value) = value.nil? ? "-" : value.unpack1("H*").then { |hex| hex.empty? ? "." : hex }

def answer(entry, command, fields)
  codec, encoder, body_of = entry.values_at(2, 5, 6)
  json = codec == "json"
  case command
  when "write"
    type, topic, ref, body, data, absent = fields
    message = { "type" => text(type), "topic" => text(topic), "ref" => text(ref) }
    message["body"] = body_of.call(unhex(body)) unless body == "-"
    message["data"] = json ? JSON.parse(text(data)) : text(data) unless data == "-"
    message = { "body" => nil, "data" => nil, "offset" => nil }.merge(message) unless absent == "0"
    enhex(encoder[:encode].call(message))
  when "since"
    data = encoder[:decode].call(unhex(fields[2]))["data"]
    data = JSON.parse(data) unless json
    since = { "since" => data.slice("epoch", "offset") }
    enhex(encoder[:encode].call(
      { "type" => "subscribe", "topic" => text(fields[0]), "ref" => text(fields[1]), "data" => json ? since : since.to_json },
    ))
  else
    message = encoder[:decode].call(unhex(fields[0]))
    body, data = message.values_at("body", "data")
    if json
      body &&= Base64.strict_decode64(body)
      data = message.key?("data") ? data.to_json : nil
    end
    (message.values_at("type", "topic", "ref") + [body, data]).map { |part| enhex(part) }.join(" ") + " #{message["offset"] || "-"}"
  end
end

if ARGV[0] == "list"
  ENTRIES.each { |entry| puts entry.first(5).join("|") }
else
  entry = ENTRIES[ARGV[1].to_i]
  $stdin.each_line do |line|
    command, *fields = line.split
    puts answer(entry, command, fields)
  rescue StandardError => e
    puts "! #{e.message.tr("\n", " ")}"
  end
end
