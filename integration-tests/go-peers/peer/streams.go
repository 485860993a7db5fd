package peer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/options"
)

// acceptStreams keeps every stream that the other side opens and reports it.
func (p *peer) acceptStreams() {
	for {
		stream, err := p.end.AcceptStream()
		if err != nil {
			if p.ended("") {
				return
			}
			continue
		}
		p.out.line(event{Event: "stream", Stream: p.keep(stream)})
	}
}

func (p *peer) openRaw(to string) (geminio.Stream, error) {
	how := options.OpenStream()
	how.SetPeer(to)
	return p.end.OpenStream(how)
}

func (p *peer) open(c command) (reply, error) {
	stream, err := p.openRaw(c.Peer)
	if err != nil {
		return reply{}, err
	}
	return reply{Stream: p.keep(stream)}, nil
}

func (p *peer) closeStream(c command) (reply, error) {
	stream, err := p.stream(c.On)
	if err != nil {
		return reply{}, err
	}
	return reply{}, stream.Close()
}

// write sends value, or size bytes of the pattern in pieces of chunk bytes; then it answers their checksum.
func (p *peer) write(c command) (reply, error) {
	stream, err := p.stream(c.On)
	if err != nil {
		return reply{}, err
	}
	if c.Size == 0 {
		_, err = stream.Write(c.Value)
		return reply{}, err
	}
	sum := sha256.New()
	to := io.MultiWriter(stream, sum)
	for sent := 0; sent < c.Size; {
		piece := min(c.Chunk, c.Size-sent)
		if _, err := to.Write(pattern(c.Seed, sent, piece)); err != nil {
			return reply{}, fmt.Errorf("after %d bytes: %w", sent, err)
		}
		sent += piece
	}
	return reply{Sum: hex.EncodeToString(sum.Sum(nil))}, nil
}

// read takes exactly size bytes.
func (p *peer) read(c command) (reply, error) {
	stream, err := p.stream(c.On)
	if err != nil {
		return reply{}, err
	}
	value := make([]byte, c.Size)
	_, err = io.ReadFull(stream, value)
	return reply{Value: value}, err
}

// readSum takes size bytes and answers their checksum.
func (p *peer) readSum(c command) (reply, error) {
	stream, err := p.stream(c.On)
	if err != nil {
		return reply{}, err
	}
	sum := sha256.New()
	if got, err := io.CopyN(sum, stream, int64(c.Size)); err != nil {
		return reply{}, fmt.Errorf("read ended after %d of %d bytes: %w", got, c.Size, err)
	}
	return reply{Sum: hex.EncodeToString(sum.Sum(nil))}, nil
}

// readPattern takes size bytes and compares them with the pattern of the seed.
func (p *peer) readPattern(c command) (reply, error) {
	stream, err := p.stream(c.On)
	if err != nil {
		return reply{}, err
	}
	return reply{}, comparePattern(stream, c.Seed, c.Size)
}

// readEnd waits for the end of the stream; what comes before it is answered as the value.
func (p *peer) readEnd(c command) (reply, error) {
	stream, err := p.stream(c.On)
	if err != nil {
		return reply{}, err
	}
	value, err := io.ReadAll(stream)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return reply{Value: value}, err
}

// echoRaw sends every byte back until the stream ends.
func (p *peer) echoRaw(c command) (reply, error) {
	stream, err := p.stream(c.On)
	if err != nil {
		return reply{}, err
	}
	go func() {
		_, _ = io.Copy(stream, stream)
	}()
	return reply{}, nil
}

// streamMany opens count streams at once; on each it sends size bytes, reads the echo, compares it and closes.
func (p *peer) streamMany(c command) (reply, error) {
	return many(c.Count, func(i int) error {
		stream, err := p.openRaw(c.Peer)
		if err != nil {
			return fmt.Errorf("open: %w", err)
		}
		if _, err := stream.Write(pattern(byte(i), 0, c.Size)); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		if err := comparePattern(stream, byte(i), c.Size); err != nil {
			return err
		}
		return stream.Close()
	}), nil
}

// pattern is a run of bytes that begins at an offset: each aligned group of four has the seed and its own number,
// so that loss, doubles and disorder show.
func pattern(seed byte, offset, size int) []byte {
	out := make([]byte, size)
	for i := range out {
		at := offset + i
		if at%4 == 0 {
			out[i] = seed
			continue
		}
		out[i] = byte((at / 4) >> (8 * (3 - at%4)))
	}
	return out
}

func comparePattern(from io.Reader, seed byte, size int) error {
	buffer := make([]byte, 64<<10)
	for got := 0; got < size; {
		n, err := from.Read(buffer[:min(len(buffer), size-got)])
		if want := pattern(seed, got, n); !bytes.Equal(buffer[:n], want) {
			return fmt.Errorf("bytes %d to %d differ from what was sent", got, got+n)
		}
		got += n
		if err != nil {
			return fmt.Errorf("read ended after %d of %d bytes: %w", got, size, err)
		}
	}
	return nil
}
