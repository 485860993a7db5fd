package peer

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/jumboframes/armorigo/log"
	"github.com/singchia/geminio"
)

// talker is what an end and a stream have in common.
type talker interface {
	geminio.RPCer
	geminio.Messager
}

// peer is one end with all that runs on it.
type peer struct {
	service bool
	end     geminio.End
	sock    *socket
	out     *output

	mu      sync.Mutex
	next    uint64
	closed  bool
	streams map[string]geminio.Stream
	cancels map[uint64]context.CancelFunc
	held    map[uint64]chan struct{}
}

func newPeer(service bool, end geminio.End, sock *socket, out *output) *peer {
	return &peer{
		service: service, end: end, sock: sock, out: out,
		streams: map[string]geminio.Stream{},
		cancels: map[uint64]context.CancelFunc{},
		held:    map[uint64]chan struct{}{},
	}
}

// commands maps the word of a command line to what it does.
func (p *peer) commands() map[string]func(command) (reply, error) {
	return map[string]func(command) (reply, error){
		"call":         p.call,
		"call_async":   p.callAsync,
		"call_many":    p.callMany,
		"cancel":       p.cancel,
		"client":       p.client,
		"close":        p.close,
		"close_stream": p.closeStream,
		"cut":          p.cut,
		"echo_raw":     p.echoRaw,
		"open":         p.open,
		"publish":      p.publish,
		"publish_many": p.publishMany,
		"read":         p.read,
		"read_end":     p.readEnd,
		"read_pattern": p.readPattern,
		"read_sum":     p.readSum,
		"receive":      p.receive,
		"register":     p.register,
		"release":      p.release,
		"stream_many":  p.streamMany,
		"write":        p.write,
	}
}

// on finds what a command acts on.
func (p *peer) on(c command) (talker, error) {
	if c.On == "" {
		return p.end, nil
	}
	return p.stream(c.On)
}

func (p *peer) stream(key string) (geminio.Stream, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	stream, ok := p.streams[key]
	if !ok {
		return nil, fmt.Errorf("no stream %q", key)
	}
	return stream, nil
}

// keep gives a stream the name by which commands reach it.
func (p *peer) keep(stream geminio.Stream) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next++
	key := "s" + decimal(p.next)
	p.streams[key] = stream
	return key
}

// waiting gives a call or message its key and, if it is to be held, the channel that `release` closes.
func (p *peer) waiting(hold bool) (uint64, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next++
	if !hold {
		return p.next, nil
	}
	released := make(chan struct{})
	p.held[p.next] = released
	return p.next, released
}

// ended tells a loop that failed whether it is over: a closed end for good, a stream at its first error.
func (p *peer) ended(on string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed || on != ""
}

func (p *peer) client(command) (reply, error) {
	return reply{Client: decimal(p.end.ClientID())}, nil
}

func (p *peer) close(command) (reply, error) {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	return reply{}, p.end.Close()
}

func (p *peer) cut(c command) (reply, error) {
	return reply{}, p.sock.cut(c.Reply == "reset")
}

// many runs count jobs at once and sums up how they ended.
func many(count int, job func(int) error) reply {
	failures := make([]error, count)
	var all sync.WaitGroup
	for i := range count {
		all.Add(1)
		go func() {
			defer all.Done()
			failures[i] = job(i)
		}()
	}
	all.Wait()
	var sum reply
	for _, err := range failures {
		if err != nil {
			sum.Failed = append(sum.Failed, err.Error())
			continue
		}
		sum.OK++
	}
	return sum
}

func decimal(id uint64) string { return strconv.FormatUint(id, 10) }

func milliseconds(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// quietLog keeps the transport's log off standard output, which carries the answers.
func quietLog() log.Logger { return log.WithOutput(os.Stderr) }
