package peer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/singchia/geminio"
	"github.com/singchia/geminio/options"
)

// tailed appends the edge id that names the other end on session 1; inside a stream there is no tail.
func (p *peer) tailed(c command) []byte {
	if !p.service || c.On != "" {
		return c.Custom
	}
	return binary.BigEndian.AppendUint64(append([]byte(nil), c.Custom...), c.Edge)
}

// untailed splits what a message brought in custom into the user's part and the edge id.
func (p *peer) untailed(on string, custom []byte) ([]byte, string) {
	if !p.service || on != "" || len(custom) < 8 {
		return custom, ""
	}
	cut := len(custom) - 8
	return custom[:cut], decimal(binary.BigEndian.Uint64(custom[cut:]))
}

// contextOf has the deadline of the command, and can be ended by the command `cancel`.
func (p *peer) contextOf(c command) (context.Context, func()) {
	ctx, cancel := newContext(c.DeadlineMS)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cancels[c.ID] = cancel
	return ctx, func() {
		cancel()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.cancels, c.ID)
	}
}

func newContext(deadlineMS int64) (context.Context, context.CancelFunc) {
	if deadlineMS == 0 {
		return context.WithCancel(context.Background())
	}
	return context.WithTimeout(context.Background(), milliseconds(deadlineMS))
}

func (p *peer) cancel(c command) (reply, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	cancel, ok := p.cancels[c.Target]
	if !ok {
		return reply{}, fmt.Errorf("command %d is not running", c.Target)
	}
	cancel()
	return reply{}, nil
}

func (p *peer) call(c command) (reply, error) {
	on, err := p.on(c)
	if err != nil {
		return reply{}, err
	}
	ctx, done := p.contextOf(c)
	defer done()
	request := on.NewRequest(c.Value)
	request.SetCustom(p.tailed(c))
	if c.TimeoutMS != 0 {
		request.SetTimeout(milliseconds(c.TimeoutMS))
	}
	response, err := on.Call(ctx, c.Method, request)
	if err != nil {
		return reply{}, err
	}
	return reply{Value: response.Data()}, response.Error()
}

// callAsync calls without waiting, then waits for the completion. The transport gives an error with it, never the answer.
func (p *peer) callAsync(c command) (reply, error) {
	on, err := p.on(c)
	if err != nil {
		return reply{}, err
	}
	request := on.NewRequest(c.Value)
	request.SetCustom(p.tailed(c))
	call, err := on.CallAsync(context.Background(), c.Method, request, make(chan *geminio.Call, 1), options.Call())
	if err != nil {
		return reply{}, err
	}
	return reply{}, (<-call.Done).Error
}

func (p *peer) publish(c command) (reply, error) {
	on, err := p.on(c)
	if err != nil {
		return reply{}, err
	}
	ctx, done := p.contextOf(c)
	defer done()
	return reply{}, on.Publish(ctx, p.message(on, c, c.Value))
}

func (p *peer) message(on talker, c command, value []byte) geminio.Message {
	message := on.NewMessage(value)
	message.SetTopic(c.Topic)
	message.SetCustom(p.tailed(c))
	if c.TimeoutMS != 0 {
		message.SetTimeout(milliseconds(c.TimeoutMS))
	}
	return message
}

// register installs a handler. Its reply is `echo`, `value` (a fixed one), `fail` (with the text) or `hold`: it waits
// for `release` of its key or for the end of its context, which it reports as an event.
func (p *peer) register(c command) (reply, error) {
	on, err := p.on(c)
	if err != nil {
		return reply{}, err
	}
	handler := func(ctx context.Context, request geminio.Request, response geminio.Response) {
		key, released := p.waiting(c.Reply == "hold")
		if !c.Quiet {
			p.out.line(event{Event: "called", Key: key, On: c.On, Method: c.Method,
				Value: request.Data(), Custom: request.Custom()})
		}
		switch c.Reply {
		case "echo":
			response.SetData(request.Data())
		case "value":
			response.SetData(c.Value)
		case "fail":
			response.SetError(errors.New(c.Text))
		case "hold":
			select {
			case <-released:
				response.SetData(request.Data())
			case <-ctx.Done():
				p.out.line(event{Event: "ended", Key: key, Error: ctx.Err().Error()})
				response.SetError(ctx.Err())
			}
		default:
			response.SetError(fmt.Errorf("unknown reply %q", c.Reply))
		}
	}
	return reply{}, on.Register(context.Background(), c.Method, handler)
}

func (p *peer) release(c command) (reply, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	held, ok := p.held[c.Target]
	if !ok {
		return reply{}, fmt.Errorf("nothing is held under %d", c.Target)
	}
	close(held)
	delete(p.held, c.Target)
	return reply{}, nil
}

// receive takes messages until the end or stream is closed. Its reply is `ack`, `fail` (with the text) or `hold`:
// until `release` of the message's key.
func (p *peer) receive(c command) (reply, error) {
	on, err := p.on(c)
	if err != nil {
		return reply{}, err
	}
	go func() {
		for {
			message, err := on.Receive(context.Background())
			if err != nil {
				if p.ended(c.On) {
					return
				}
				continue
			}
			p.received(c, message)
		}
	}()
	return reply{}, nil
}

func (p *peer) received(c command, message geminio.Message) {
	key, released := p.waiting(c.Reply == "hold")
	if !c.Quiet {
		custom, edge := p.untailed(c.On, message.Custom())
		p.out.line(event{Event: "message", Key: key, On: c.On, Topic: message.Topic(), Edge: edge,
			Value: message.Data(), Custom: custom})
	}
	switch c.Reply {
	case "fail":
		_ = message.Error(errors.New(c.Text))
	case "hold":
		go func() {
			<-released
			_ = message.Done()
		}()
	default:
		_ = message.Done()
	}
}

// callMany makes count calls at once, each with a payload of its own, and compares every answer.
func (p *peer) callMany(c command) (reply, error) {
	return many(c.Count, func(i int) error {
		one := c
		one.Value = pattern(byte(i), 0, c.Size)
		one.ID = 0
		answer, err := p.call(one)
		if err != nil {
			return err
		}
		if string(answer.Value) != string(one.Value) {
			return fmt.Errorf("call %d: another answer of %d bytes", i, len(answer.Value))
		}
		return nil
	}), nil
}

// publishMany publishes count messages one behind the other without waiting, then collects the acknowledgements.
// The payload of each begins with its decimal number.
func (p *peer) publishMany(c command) (reply, error) {
	on, err := p.on(c)
	if err != nil {
		return reply{}, err
	}
	pending := make([]*geminio.Publish, 0, c.Count)
	for i := range c.Count {
		value := append([]byte(decimal(uint64(i))+" "), pattern(c.Seed, 0, c.Size)...)
		publish, err := on.PublishAsync(context.Background(), p.message(on, c, value),
			make(chan *geminio.Publish, 1), options.Publish())
		if err != nil {
			return reply{}, fmt.Errorf("publish %d: %w", i, err)
		}
		pending = append(pending, publish)
	}
	return many(len(pending), func(i int) error {
		return (<-pending[i].Done).Error
	}), nil
}
