package load

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

func TestConnDoes(t *testing.T) {
	for name, test := range map[string]struct {
		answer []byte
		want   string
	}{
		"a frame whose receipt comes":               {ws(opText, "RECEIPT\nreceipt-id:done\n\n\x00"), ""},
		"a frame before whose receipt a message is": {join(ws(opText, "MESSAGE\n\nsomebody entered\x00"), ws(opText, "RECEIPT\n\n\x00")), ""},
		"a frame that is refused":                   {ws(opText, "ERROR\ncode:not_a_member\n\n\x00"), "not_a_member"},
		"a frame that ends the connection":          {nil, "EOF"},
		"a frame that is answered at absurd length": {[]byte{0x81, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := Dial(t.Context(), Endpoint{Addr: answerOnce(t, test.answer), Path: "/ws", Headers: []string{"login", "guest"}})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			err = c.Do(Frame("SUBSCRIBE", "", "receipt", "done"))
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

// answerOnce is a server for one connection: it accepts the WebSocket and CONNECT, answers the next frame and hangs up.
func answerOnce(t *testing.T, answer []byte) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		r := bufio.NewReader(c)
		if _, err := http.ReadRequest(r); err != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
		for _, out := range [][]byte{ws(opText, "CONNECTED\n\n\x00"), answer} {
			if _, err := r.ReadString(0); err != nil { // The mask is zero bytes as well …
				return
			}
			if _, err := r.Discard(3); err != nil {
				return
			}
			if _, err := r.ReadString(0); err != nil { // … after which the frame ends with one.
				return
			}
			_, _ = c.Write(out)
		}
	}()
	return l.Addr().String()
}
