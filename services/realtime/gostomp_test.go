package main

import (
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	gostomp "github.com/go-stomp/stomp/v3"
	"github.com/go-stomp/stomp/v3/frame"
	"github.com/gorilla/websocket"
)

// stream is a WebSocket as the stream that go-stomp wants.
type stream struct {
	net.Conn
	ws     *websocket.Conn
	reader io.Reader
}

func (s *stream) Read(b []byte) (int, error) {
	for {
		if s.reader == nil {
			_, r, err := s.ws.NextReader()
			if err != nil {
				return 0, io.EOF
			}
			s.reader = r
		}
		n, err := s.reader.Read(b)
		if err == io.EOF {
			s.reader, err = nil, nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

func (s *stream) Write(b []byte) (int, error) {
	return len(b), s.ws.WriteMessage(websocket.TextMessage, b)
}

// A stock client: go-stomp, which knows nothing of Moim.
func TestGoStomp(t *testing.T) {
	p := newPlatform()
	token := p.user("mina")
	p.join(roomR, "mina")
	p.say(roomR, numbers(10)...)
	e := p.serve(t, testConfig())
	ws, _, err := (&websocket.Dialer{NetDialContext: e.dial, Subprotocols: []string{"v12.stomp"}}).Dial("ws://moim.test/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := gostomp.Connect(&stream{Conn: ws.NetConn(), ws: ws},
		gostomp.ConnOpt.Header("Authorization", "Bearer "+token), gostomp.ConnOpt.HeartBeat(time.Second, time.Second))
	if err != nil {
		t.Fatal(err)
	}
	sub, err := c.Subscribe("/sub/chat/"+roomR, gostomp.AckAuto, gostomp.SubscribeOpt.Header("after", "5"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		err := c.Send("/pub/chat/message", "application/json", fmt.Appendf(nil, `{"roomId":"`+roomR+`","content":"%d"}`, i),
			gostomp.SendOpt.Receipt, gostomp.SendOpt.Header("idempotency-key", fmt.Sprint(i)))
		if err != nil {
			t.Fatal(err)
		}
	}
	for seq := 6; seq <= 15; seq++ {
		m := <-sub.C
		if m.Err != nil {
			t.Fatal(m.Err)
		}
		if got := m.Header.Get("seq"); got != fmt.Sprint(seq) {
			t.Fatalf("got message %s, want %d", got, seq)
		}
		if got, want := m.Header.Get(frame.MessageId), fmt.Sprintf(roomR+":%d", seq); got != want {
			t.Errorf("message-id %q, want %q", got, want)
		}
	}
	if err := sub.Unsubscribe(); err != nil {
		t.Fatal(err)
	}
	if err := c.Disconnect(); err != nil {
		t.Fatal(err)
	}
}
