package main

import (
	"fmt"
	"log"
	"os"

	"github.com/gorilla/websocket"
)

type Message struct {
	Type  string         `json:"type"`
	Topic string         `json:"topic"`
	Ref   string         `json:"ref,omitempty"`
	Data  map[string]any `json:"data,omitempty"`
}

func main() {
	dialer := websocket.Dialer{Subprotocols: []string{"live.v1.json"}}
	socket, _, err := dialer.Dial(os.Getenv("LIVE_URL"), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer socket.Close()
	socket.WriteJSON(Message{Type: "subscribe", Topic: "room/lobby", Ref: "1"})
	for {
		var message Message
		if err := socket.ReadJSON(&message); err != nil {
			log.Fatal(err) // a CloseError contains live's close code
		}
		switch {
		case message.Type == "ack" && message.Ref == "1":
			socket.WriteJSON(Message{"publish", "room/lobby", "2", map[string]any{"text": "hello from Go"}})
		case message.Type == "error":
			log.Fatal("refused: ", message.Data["reason"])
		case message.Type == "message":
			fmt.Println(message.Data["text"])
			return // remove this to stay connected
		}
	}
}
