import Foundation

let url = URL(string: ProcessInfo.processInfo.environment["LIVE_URL"] ?? "ws://localhost:8080/live")!
let socket = URLSession.shared.webSocketTask(with: url, protocols: ["live.v1.json"])
socket.maximumMessageSize = 90_000
socket.resume()
func send(_ message: [String: Any]) async throws {
    let json = try JSONSerialization.data(withJSONObject: message)
    try await socket.send(.string(String(decoding: json, as: UTF8.self)))
}
try await send(["type": "subscribe", "topic": "room/lobby", "ref": "1"])
while true { // throws when the connection is closed; socket.closeCode is then live's close code
    guard case .string(let text) = try await socket.receive(),
          let message = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] else { continue }
    let data = message["data"] as? [String: Any]
    switch message["type"] as? String {
    case "ack" where message["ref"] as? String == "1":
        try await send(["type": "publish", "topic": "room/lobby", "ref": "2", "data": ["text": "hello from Swift"]])
    case "error": print("refused:", data?["reason"] ?? "")
    case "message": print(data?["text"] ?? "")
    default: break
    }
}
