// cargo add tungstenite serde_json
use serde_json::{json, Value};
use tungstenite::{client::IntoClientRequest, connect, Message};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::var("LIVE_URL").unwrap_or("ws://localhost:8080/live".into());
    let mut request = url.into_client_request()?;
    request.headers_mut().insert("Sec-WebSocket-Protocol", "live.v1.json".parse()?);
    let (mut socket, _) = connect(request)?;
    socket.send(Message::text(json!({"type": "subscribe", "topic": "room/lobby", "ref": "1"}).to_string()))?;
    loop {
        let Message::Text(text) = socket.read()? else { continue };
        let message: Value = serde_json::from_str(&text)?;
        match message["type"].as_str() {
            Some("ack") if message["ref"] == "1" => socket.send(Message::text(
                json!({"type": "publish", "topic": "room/lobby", "ref": "2", "data": {"text": "hello from Rust"}}).to_string(),
            ))?,
            Some("error") => return Err(format!("refused: {}", message["data"]["reason"]).into()),
            Some("message") => println!("{}", message["data"]["text"]),
            _ => {}
        }
    }
}
