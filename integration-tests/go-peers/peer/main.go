// Package peer is an edge or a service over the Go transport. It acts on the wire as the Go SDK of the gateway does
// and is driven line by line: a JSON command on standard input, its answer and what else happens on standard output.
package peer

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
)

// A command line may carry some MiB of base64.
const longestLine = 64 << 20

// Main runs the peer until standard input ends.
func Main() {
	who := readIdentity()
	out := newOutput()
	sock := &socket{addr: who.addr}
	end, err := connect(who, sock, out)
	if err != nil {
		out.line(event{Event: "refused", Error: err.Error()})
		os.Exit(1)
	}
	out.line(event{Event: "up", Client: decimal(end.ClientID())})
	p := newPeer(who.role == "service", end, sock, out)
	go p.acceptStreams()
	if err := obey(p); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func readIdentity() identity {
	var who identity
	var topics, meta string
	flag.StringVar(&who.role, "role", "", "edge or service")
	flag.StringVar(&who.addr, "addr", "", "address of the gateway")
	flag.BoolVar(&who.retry, "retry", true, "connect again after a loss")
	flag.StringVar(&who.name, "name", "", "name of the service")
	flag.StringVar(&topics, "topics", "", "topics of the service, separated by commas")
	flag.StringVar(&meta, "meta", "", "meta of the edge")
	flag.Uint64Var(&who.wanted, "wanted", 0, "wanted client id")
	flag.Parse()
	if topics != "" {
		who.topics = strings.Split(topics, ",")
	}
	if meta != "" {
		who.meta = []byte(meta)
	}
	return who
}

// obey starts every command as it comes, so that a command that waits holds up no other.
func obey(p *peer) error {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 0, 64<<10), longestLine)
	for lines.Scan() {
		var c command
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return fmt.Errorf("command %q: %w", lines.Text(), err)
		}
		run, known := p.commands()[c.Do]
		if !known {
			return fmt.Errorf("unknown command %q", c.Do)
		}
		go func() {
			answer, err := run(c)
			answer.ID = c.ID
			if err != nil {
				answer.Error = err.Error()
			}
			p.out.line(answer)
		}()
	}
	return lines.Err()
}
