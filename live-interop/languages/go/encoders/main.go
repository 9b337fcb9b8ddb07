// The Go encoders in Debian. Encoder.kt describes the commands.
package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"

	"github.com/fxamacker/cbor"
	"github.com/ugorji/go/codec"
	"github.com/vmihailenco/msgpack/v5"
)

// Envelope has every field, like a simple application type; nil is encoded as null.
type Envelope struct {
	Type   string  `json:"type" codec:"type" cbor:"type" msgpack:"type"`
	Topic  string  `json:"topic" codec:"topic" cbor:"topic" msgpack:"topic"`
	Ref    string  `json:"ref" codec:"ref" cbor:"ref" msgpack:"ref"`
	Body   []byte  `json:"body" codec:"body" cbor:"body" msgpack:"body"`
	Data   *string `json:"-" codec:"data" cbor:"data" msgpack:"data"`
	Offset *int64  `json:"offset" codec:"offset" cbor:"offset" msgpack:"offset"`
}

// JSONEnvelope has its data inline.
type JSONEnvelope struct {
	Envelope
	Data *any `json:"data" codec:"data"`
}

type encoder struct {
	library, version, codec, setting, expected string
	encode                                 func(any) ([]byte, error)
	decode                                 func([]byte, any) error
}

func ugorji(handle codec.Handle) (func(any) ([]byte, error), func([]byte, any) error) {
	return func(value any) (out []byte, err error) {
			err = codec.NewEncoderBytes(&out, handle).Encode(value)
			return
		}, func(frame []byte, value any) error {
			return codec.NewDecoderBytes(frame, handle).Decode(value)
		}
}

func debian(name string) string {
	out, _ := exec.Command("dpkg-query", "-W", "-f", "${Version}", name).Output()
	version, _, _ := strings.Cut(string(out), "-")
	return version
}

func entries() []encoder {
	goVersion := strings.TrimPrefix(runtime.Version(), "go")
	ugorjiVersion := debian("golang-github-ugorji-go-codec-dev")
	out := []encoder{
		{"encoding/json", goVersion, "json", "", "", json.Marshal, json.Unmarshal},
		{"fxamacker/cbor", debian("golang-github-fxamacker-cbor-dev"), "cbor", "", "", cbor.Marshal, cbor.Unmarshal},
		{"vmihailenco/msgpack", debian("golang-github-vmihailenco-msgpack.v5-dev"), "msgpack", "", "",
			func(value any) ([]byte, error) { return msgpack.Marshal(value) }, msgpack.Unmarshal},
	}
	indefinite := &codec.CborHandle{}
	indefinite.IndefiniteLength = true
	for _, one := range []struct {
		library, codec, setting, expected string
		handle                        codec.Handle
	}{
		{"ugorji `JsonHandle`", "json", "", "", &codec.JsonHandle{}},
		{"ugorji `CborHandle`", "cbor", "", "", &codec.CborHandle{}},
		// its text chunks end in the middle of a character, which RFC 8949, 3.2.3 forbids
		{"ugorji `CborHandle`", "cbor", "IndefiniteLength", "UTF-8", indefinite},
		{"ugorji `MsgpackHandle`", "msgpack", "", "", &codec.MsgpackHandle{}},
		{"ugorji `MsgpackHandle`", "msgpack", "WriteExt", "", &codec.MsgpackHandle{WriteExt: true}},
	} {
		encode, decode := ugorji(one.handle)
		out = append(out, encoder{one.library, ugorjiVersion, one.codec, one.setting, one.expected, encode, decode})
	}
	return out
}

func unhex(field string) []byte {
	if field == "-" {
		return nil
	}
	out, err := hex.DecodeString(strings.TrimPrefix(field, "."))
	if err != nil {
		panic(err)
	}
	return out
}

func enhex(value []byte) string {
	switch {
	case value == nil:
		return "-"
	case len(value) == 0:
		return "."
	}
	return hex.EncodeToString(value)
}

func must(out []byte, err error) string {
	if err != nil {
		panic(err)
	}
	return enhex(out)
}

func (e encoder) write(envelope Envelope, leaveOut bool) string {
	if leaveOut { // the same as omitempty, for every library
		message := map[string]any{"type": envelope.Type, "topic": envelope.Topic, "ref": envelope.Ref}
		if envelope.Body != nil {
			message["body"] = envelope.Body
		}
		if envelope.Data != nil && e.codec == "json" {
			var data any
			if err := json.Unmarshal([]byte(*envelope.Data), &data); err != nil {
				panic(err)
			}
			message["data"] = data
		} else if envelope.Data != nil {
			message["data"] = *envelope.Data
		}
		return must(e.encode(message))
	}
	if e.codec == "json" {
		message := JSONEnvelope{Envelope: envelope}
		if envelope.Data != nil {
			var data any
			if err := json.Unmarshal([]byte(*envelope.Data), &data); err != nil {
				panic(err)
			}
			message.Data = &data
		}
		return must(e.encode(message))
	}
	return must(e.encode(envelope))
}

// read decodes a JSON payload with the library's own decoder; the other codecs have it as text.
func (e encoder) read(frame []byte) (envelope Envelope) {
	if e.codec == "json" {
		message := map[string]any{}
		if err := e.decode(frame, &message); err != nil {
			panic(err)
		}
		if data, present := message["data"]; present {
			text, err := e.encode(data)
			if err != nil {
				panic(err)
			}
			plain := string(text)
			envelope.Data = &plain
		}
		rest := JSONEnvelope{}
		if err := e.decode(frame, &rest); err != nil {
			panic(err)
		}
		rest.Envelope.Data = envelope.Data
		return rest.Envelope
	}
	if err := e.decode(frame, &envelope); err != nil {
		panic(err)
	}
	return envelope
}

func (e encoder) answer(command string, fields []string) (out string) {
	defer func() {
		if problem := recover(); problem != nil {
			out = strings.ReplaceAll(fmt.Sprint("! ", problem), "\n", " ")
		}
	}()
	switch command {
	case "write":
		envelope := Envelope{Type: string(unhex(fields[0])), Topic: string(unhex(fields[1])), Ref: string(unhex(fields[2])), Body: unhex(fields[3])}
		if fields[4] != "-" {
			data := string(unhex(fields[4]))
			envelope.Data = &data
		}
		return e.write(envelope, fields[5] == "0")
	case "since":
		data := struct {
			Epoch  string `json:"epoch"`
			Offset int64  `json:"offset"`
		}{}
		if err := json.Unmarshal([]byte(*e.read(unhex(fields[2])).Data), &data); err != nil {
			panic(err)
		}
		since, _ := json.Marshal(map[string]any{"since": data})
		text := string(since)
		return e.write(Envelope{Type: "subscribe", Topic: string(unhex(fields[0])), Ref: string(unhex(fields[1])), Data: &text}, true)
	}
	envelope := e.read(unhex(fields[0]))
	var data []byte
	if envelope.Data != nil {
		data = []byte(*envelope.Data)
	}
	offset := "-"
	if envelope.Offset != nil {
		offset = strconv.FormatInt(*envelope.Offset, 10)
	}
	return strings.Join([]string{enhex([]byte(envelope.Type)), enhex([]byte(envelope.Topic)), enhex([]byte(envelope.Ref)), enhex(envelope.Body), enhex(data), offset}, " ")
}

func main() {
	if os.Args[1] == "list" {
		for _, e := range entries() {
			fmt.Println(strings.Join([]string{e.library, e.version, e.codec, e.setting, e.expected}, "|"))
		}
		return
	}
	index, _ := strconv.Atoi(os.Args[2])
	chosen := entries()[index]
	input := bufio.NewReader(os.Stdin)
	for {
		line, err := input.ReadBytes('\n')
		if err != nil {
			return
		}
		fields := strings.Fields(string(bytes.TrimSpace(line)))
		fmt.Println(chosen.answer(fields[0], fields[1:]))
	}
}
