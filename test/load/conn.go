package load

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Conn is a STOMP connection over WebSocket.
type Conn struct {
	net     net.Conn
	scan    scanner
	writeMu sync.Mutex
	out     []byte
}

// Endpoint is where and as whom to connect.
type Endpoint struct {
	Addr    string   // The server's host:port.
	Path    string   // Such as /ws.
	From    string   // The address to connect from. Default: the system's choice.
	Headers []string // Of the CONNECT frame: name, value, …
}

// Dial opens a connection and returns when the server has answered CONNECT.
func Dial(ctx context.Context, e Endpoint) (*Conn, error) {
	var dialer net.Dialer
	if e.From != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(e.From)}
	}
	nc, err := dialer.DialContext(ctx, "tcp", e.Addr)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	c := &Conn{net: nc}
	c.scan.pong = func(payload []byte) error { return c.write(opPong, payload) }
	if err := c.open(ctx, e); err != nil {
		nc.Close()
		return nil, err
	}
	return c, nil
}

func (c *Conn) open(ctx context.Context, e Endpoint) error {
	stop := context.AfterFunc(ctx, func() { _ = c.net.SetDeadline(time.Now()) })
	defer stop()
	_, err := fmt.Fprintf(c.net, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: bG9hZCBnZW5lcmF0b3IhIQ==\r\nSec-WebSocket-Protocol: v12.stomp\r\n\r\n", e.Path, e.Addr)
	if err != nil {
		return fmt.Errorf("ask for a WebSocket: %w", err)
	}
	r := bufio.NewReaderSize(c.net, 1024) // Nothing follows the answer before CONNECT is sent.
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return fmt.Errorf("ask for a WebSocket: %w", err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("ask for a WebSocket: %s", resp.Status)
	}
	if err := c.Send(Frame("CONNECT", "", append([]string{"accept-version", "1.2", "host", "/"}, e.Headers...)...)); err != nil {
		return err
	}
	return c.await("CONNECTED")
}

// Do sends a frame that asks for the receipt "done" and returns when it has come. Nothing else may be reading; messages are passed over,
// as a room may say who entered it while somebody subscribes.
func (c *Conn) Do(frame []byte) error {
	if err := c.Send(frame); err != nil {
		return err
	}
	return c.await("RECEIPT")
}

func (c *Conn) await(command string) error {
	buffer := make([]byte, 4096)
	for found := false; !found; {
		err := c.scan.read(c.net, buffer, func(f []byte) error {
			switch {
			case bytes.HasPrefix(f, []byte(command)):
				found = true
			case !bytes.HasPrefix(f, []byte("MESSAGE")):
				return fmt.Errorf("the server sent %q, not %s", f, command)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("wait for %s: %w", command, err)
		}
	}
	return nil
}

// Read calls frame for each STOMP frame that the next read completes. It blocks; the frame is valid during the call.
func (c *Conn) Read(buffer []byte, frame func([]byte) error) error {
	return c.scan.read(c.net, buffer, frame)
}

// Send sends a frame made by Frame, or the line feed of a heart-beat. It is safe for concurrent use.
func (c *Conn) Send(frame []byte) error { return c.write(opText, frame) }

// Close cuts the connection.
func (c *Conn) Close() { c.net.Close() }

// write sends a WebSocket frame whose mask is zero, which leaves the content as it is: masks protect proxies, and there is none.
func (c *Conn) write(op byte, payload []byte) error {
	if len(payload) > 0xffff {
		return errors.New("the frame is too large")
	}
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	c.out = append(c.out[:0], 0x80|op)
	if len(payload) < 126 {
		c.out = append(c.out, 0x80|byte(len(payload)))
	} else {
		c.out = binary.BigEndian.AppendUint16(append(c.out, 0x80|126), uint16(len(payload)))
	}
	c.out = append(append(c.out, 0, 0, 0, 0), payload...)
	_, err := c.net.Write(c.out)
	return err
}

// Frame encodes a STOMP frame with headers name, value, …, none of which needs escaping.
func Frame(command, body string, headers ...string) []byte {
	var b strings.Builder
	b.WriteString(command)
	b.WriteByte('\n')
	for i := 0; i < len(headers); i += 2 {
		b.WriteString(headers[i] + ":" + headers[i+1] + "\n")
	}
	b.WriteString("\n" + body + "\x00")
	return []byte(b.String())
}
