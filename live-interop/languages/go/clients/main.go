// The Go WebSocket clients in Debian. ClientMatrix.kt describes their sessions.
package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"

	"github.com/gorilla/websocket"
	xnet "golang.org/x/net/websocket"
	nhooyr "nhooyr.io/websocket"
)

type frame struct {
	kind string
	data []byte
	code int
}

// socket is the common interface of the three libraries.
type socket interface {
	send(frame) error
	receive() (kind string, data []byte, err error)
	end(code int) error
	protocol() string
}

type gorillaSocket struct{ *websocket.Conn }

func (s gorillaSocket) send(f frame) error {
	kind := websocket.TextMessage
	if f.kind == "b" {
		kind = websocket.BinaryMessage
	}
	return s.WriteMessage(kind, f.data)
}

func (s gorillaSocket) receive() (string, []byte, error) {
	kind, data, err := s.ReadMessage()
	if kind == websocket.BinaryMessage {
		return "b", data, err
	}
	return "t", data, err
}

func (s gorillaSocket) end(code int) error {
	return s.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""))
}

func (s gorillaSocket) protocol() string { return s.Subprotocol() }

func withGorilla(url, subprotocol string) (socket, int, error) {
	dialer := websocket.Dialer{Subprotocols: []string{subprotocol}}
	connection, response, err := dialer.Dial(url, nil)
	if err != nil && response != nil {
		return nil, response.StatusCode, nil
	}
	return gorillaSocket{connection}, 0, err
}

type nhooyrSocket struct {
	*nhooyr.Conn
}

func (s nhooyrSocket) send(f frame) error {
	kind := nhooyr.MessageText
	if f.kind == "b" {
		kind = nhooyr.MessageBinary
	}
	return s.Write(context.Background(), kind, f.data)
}

func (s nhooyrSocket) receive() (string, []byte, error) {
	kind, data, err := s.Read(context.Background())
	if kind == nhooyr.MessageBinary {
		return "b", data, err
	}
	return "t", data, err
}

func (s nhooyrSocket) end(code int) error {
	if err := s.Close(nhooyr.StatusCode(code), ""); err != nil {
		return err
	}
	return nhooyr.CloseError{Code: nhooyr.StatusCode(code)} // Close returns after the server's close frame
}

func (s nhooyrSocket) protocol() string { return s.Subprotocol() }

func withNhooyr(limit int64) func(url, subprotocol string) (socket, int, error) {
	return func(url, subprotocol string) (socket, int, error) {
		options := &nhooyr.DialOptions{Subprotocols: []string{subprotocol}}
		connection, response, err := nhooyr.Dial(context.Background(), url, options)
		if err != nil {
			if response != nil {
				return nil, response.StatusCode, nil
			}
			return nil, 0, err
		}
		if limit > 0 {
			connection.SetReadLimit(limit)
		}
		return nhooyrSocket{connection}, 0, nil
	}
}

type xnetSocket struct{ *xnet.Conn }

func (s xnetSocket) send(f frame) error {
	if f.kind == "b" {
		return xnet.Message.Send(s.Conn, f.data)
	}
	return xnet.Message.Send(s.Conn, string(f.data))
}

func (s xnetSocket) receive() (kind string, data []byte, err error) {
	codec := xnet.Codec{Unmarshal: func(payload []byte, payloadType byte, value any) error {
		kind, data = map[byte]string{xnet.TextFrame: "t", xnet.BinaryFrame: "b"}[payloadType], payload
		return nil
	}}
	err = codec.Receive(s.Conn, nil)
	return
}

func (s xnetSocket) end(int) error { return s.Conn.WriteClose(1000) }

func (s xnetSocket) protocol() string { return strings.Join(s.Config().Protocol, ",") }

func withXnet(url, subprotocol string) (socket, int, error) {
	connection, err := xnet.Dial(url, subprotocol, "http://"+strings.Split(strings.TrimPrefix(url, "ws://"), "/")[0])
	return xnetSocket{connection}, 0, err
}

func closed(err error) string {
	var gorillaClose *websocket.CloseError
	if errors.As(err, &gorillaClose) {
		return fmt.Sprint("closed ", gorillaClose.Code)
	}
	if code := nhooyr.CloseStatus(err); code > 0 {
		return fmt.Sprint("closed ", int(code))
	}
	if err.Error() == "EOF" {
		return "closed not reported"
	}
	return "failed " + regexp.MustCompile(`\s+|:\d+->|127\S+`).ReplaceAllString(err.Error(), " ")
}

func session(dial func(url, subprotocol string) (socket, int, error), url, subprotocol string, frames []frame) string {
	s, status, err := dial(url, subprotocol)
	if status != 0 {
		return fmt.Sprint("refused ", status)
	}
	if err != nil {
		return closed(err)
	}
	fmt.Println("open", s.protocol())
	for {
		if len(frames) > 0 {
			next := frames[0]
			frames = frames[1:]
			if next.kind == "c" {
				err = s.end(next.code)
			} else {
				err = s.send(next)
			}
			if err != nil {
				return closed(err)
			}
		}
		kind, data, err := s.receive()
		if err != nil {
			return closed(err)
		}
		fmt.Println(kind, hex.EncodeToString(data))
	}
}

func read(file string) (frames []frame) {
	text, err := os.ReadFile(file)
	if err != nil {
		panic(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		kind, value, _ := strings.Cut(line, " ")
		next := frame{kind: kind}
		if kind == "c" {
			next.code, _ = strconv.Atoi(value)
		} else {
			next.data, _ = hex.DecodeString(value)
		}
		frames = append(frames, next)
	}
	return
}

func debian(name string) string {
	out, _ := exec.Command("dpkg-query", "-W", "-f", "${Version}", name).Output()
	version, _, _ := strings.Cut(strings.TrimPrefix(string(out), "1:"), "-")
	return strings.TrimSuffix(version, "+dfsg")
}

func main() {
	entries := []struct {
		library, version, setting string
		dial                      func(url, subprotocol string) (socket, int, error)
	}{
		{"gorilla/websocket", debian("golang-github-gorilla-websocket-dev"), "", withGorilla},
		{"nhooyr.io/websocket", debian("golang-nhooyr-websocket-dev"), "", withNhooyr(0)},
		{"nhooyr.io/websocket", debian("golang-nhooyr-websocket-dev"), "SetReadLimit(90_000)", withNhooyr(90_000)},
		{"golang.org/x/net/websocket", debian("golang-golang-x-net-dev"), "", withXnet},
	}
	if os.Args[1] == "list" {
		for _, entry := range entries {
			fmt.Println(strings.Join([]string{entry.library, entry.version, entry.setting}, "|"))
		}
		return
	}
	index, _ := strconv.Atoi(os.Args[2])
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		fmt.Println(session(entries[index].dial, fields[0], fields[1], read(fields[2])))
		fmt.Println("done")
	}
}
