package peer

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/client"
	"github.com/singchia/geminio/delegate"
)

// identity is what a peer says of itself when it connects.
type identity struct {
	role   string
	addr   string
	retry  bool
	name   string
	topics []string
	meta   []byte
	wanted uint64
}

// serviceMeta is the meta by which a service declares its name and topics.
type serviceMeta struct {
	Service string   `json:"service"`
	Topics  []string `json:"topics"`
}

// socket remembers the connection of the moment, so that a test can cut it.
type socket struct {
	mu      sync.Mutex
	current net.Conn
	addr    string
}

func (s *socket) dial() (net.Conn, error) {
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = conn
	return conn, nil
}

// cut closes the connection under the transport without a goodbye: by RST if reset is set, else by FIN.
func (s *socket) cut(reset bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	tcp, ok := s.current.(*net.TCPConn)
	if !ok {
		return errors.New("no connection to cut")
	}
	if reset {
		if err := tcp.SetLinger(0); err != nil {
			return err
		}
	}
	return tcp.Close()
}

// watcher turns the callbacks of the transport into events.
type watcher struct {
	*delegate.UnimplementedDelegate
	out *output
}

func (w *watcher) ConnOnline(conn delegate.ConnDescriber) error {
	w.out.line(event{Event: "conn_online", Client: decimal(conn.ClientID())})
	return nil
}

func (w *watcher) ConnOffline(conn delegate.ConnDescriber) error {
	w.out.line(event{Event: "conn_offline", Client: decimal(conn.ClientID())})
	return nil
}

func (w *watcher) EndReOnline(end delegate.ClientDescriber) {
	w.out.line(event{Event: "reonline", Client: decimal(end.ClientID())})
}

// connect opens the end with the options that the Go SDK of the gateway uses: a retrying service has queues of
// 1024, sends its name and topics as JSON meta; an edge has the default queues and its own meta.
func connect(who identity, sock *socket, out *output) (geminio.End, error) {
	options := client.NewEndOptions()
	options.SetDelegate(&watcher{UnimplementedDelegate: &delegate.UnimplementedDelegate{}, out: out})
	options.SetLog(quietLog())
	switch who.role {
	case "service":
		meta, err := json.Marshal(serviceMeta{Service: who.name, Topics: who.topics})
		if err != nil {
			return nil, err
		}
		options.SetMeta(meta)
		options.SetBufferSize(1024, 1024)
	case "edge":
		if who.meta != nil {
			options.SetMeta(who.meta)
		}
	default:
		return nil, fmt.Errorf("unknown role %q: give edge or service", who.role)
	}
	if who.wanted != 0 {
		options.SetClientID(who.wanted)
	}
	if who.retry {
		return client.NewRetryEndWithDialer(sock.dial, options)
	}
	return client.NewEndWithDialer(sock.dial, options)
}
