package peer

import (
	"encoding/json"
	"os"
	"sync"
)

// command is one line of standard input. Byte fields are base64 in JSON, 64-bit ids are decimal strings.
type command struct {
	ID uint64 `json:"id"`
	Do string `json:"do"`
	// On names the stream that the command concerns; empty means the end itself (session 1).
	On     string `json:"on"`
	Edge   uint64 `json:"edge,string"`
	Method string `json:"method"`
	Topic  string `json:"topic"`
	Peer   string `json:"peer"`
	Value  []byte `json:"value"`
	Custom []byte `json:"custom"`
	// Reply tells what a handler or receiver does: see register and receive.
	Reply string `json:"reply"`
	Text  string `json:"text"`
	// Quiet suppresses the events of a handler or receiver.
	Quiet      bool   `json:"quiet"`
	TimeoutMS  int64  `json:"timeout_ms"`
	DeadlineMS int64  `json:"deadline_ms"`
	Target     uint64 `json:"target"`
	Count      int    `json:"count"`
	Size       int    `json:"size"`
	Chunk      int    `json:"chunk"`
	Seed       byte   `json:"seed"`
}

// reply is the one line that answers a command.
type reply struct {
	ID     uint64   `json:"id"`
	Error  string   `json:"error,omitempty"`
	Value  []byte   `json:"value,omitempty"`
	Stream string   `json:"stream,omitempty"`
	Client string   `json:"client,omitempty"`
	OK     int      `json:"ok,omitempty"`
	Failed []string `json:"failed,omitempty"`
	// Sum is the SHA-256 of raw bytes, in hexadecimal.
	Sum string `json:"sum,omitempty"`
}

// event is a line that nobody asked for: something reached this peer.
type event struct {
	Event  string `json:"event"`
	Key    uint64 `json:"key,omitempty"`
	On     string `json:"on,omitempty"`
	Client string `json:"client,omitempty"`
	Error  string `json:"error,omitempty"`
	Method string `json:"method,omitempty"`
	Topic  string `json:"topic,omitempty"`
	Stream string `json:"stream,omitempty"`
	Edge   string `json:"edge,omitempty"`
	Value  []byte `json:"value,omitempty"`
	Custom []byte `json:"custom,omitempty"`
}

// output writes whole lines to standard output, one at a time.
type output struct {
	mu      sync.Mutex
	encoder *json.Encoder
}

func newOutput() *output {
	return &output{encoder: json.NewEncoder(os.Stdout)}
}

// line ends the process when nobody reads any more: the test is over.
func (o *output) line(value any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.encoder.Encode(value); err != nil {
		os.Exit(1)
	}
}
