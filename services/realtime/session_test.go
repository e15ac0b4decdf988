package main

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/stomp"
	"moim.dev/moim/services/internal/token"
)

func TestConnect(t *testing.T) {
	p := newPlatform()
	p.user("mina")
	e := p.serve(t, testConfig())
	tests := map[string]struct {
		command string
		headers []string
		want    map[string]string // of CONNECTED
		code    string            // of ERROR
	}{
		"agrees on 1.2": {
			headers: []string{"accept-version", "1.0,1.1,1.2", "Authorization", "Bearer token-mina", "heart-beat", "0,0"},
			want:    map[string]string{"version": "1.2", "user-name": "mina", "heart-beat": "1000,1000", "server": "moim"},
		},
		"agrees on 1.1, and takes the token as passcode": {
			headers: []string{"accept-version", "1.1, 1.0", "passcode", "token-mina"},
			want:    map[string]string{"version": "1.1"},
		},
		"takes a client that names no version for one of 1.0": {
			headers: []string{"Authorization", "bearer token-mina"},
			want:    map[string]string{"version": "1.0"},
		},
		"takes STOMP for CONNECT": {
			command: stomp.Stomp, headers: []string{"accept-version", "1.2", "passcode", "token-mina"},
			want: map[string]string{"version": "1.2"},
		},
		"refuses other versions":          {headers: []string{"accept-version", "2.0", "passcode", "token-mina"}, code: codeBadFrame},
		"refuses a wrong token":           {headers: []string{"accept-version", "1.2", "passcode", "x"}, code: problem.CodeUnauthenticated},
		"refuses a missing token":         {headers: []string{"accept-version", "1.2"}, code: problem.CodeUnauthenticated},
		"refuses a heart-beat of one":     {headers: []string{"passcode", "token-mina", "heart-beat", "5"}, code: codeBadFrame},
		"refuses a negative heart-beat":   {headers: []string{"passcode", "token-mina", "heart-beat", "-1,0"}, code: codeBadFrame},
		"refuses other frames before it":  {command: stomp.Subscribe, code: codeBadFrame},
		"refuses large headers before it": {headers: []string{"passcode", strings.Repeat("x", 9000)}, code: problem.CodeTooLarge},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := e.open(t, nil)
			command := test.command
			if command == "" {
				command = stomp.Connect
			}
			c.send(command, "", test.headers...)
			if test.code != "" {
				c.expectError(test.code)
				return
			}
			f := c.expect(stomp.Connected)
			for key, want := range test.want {
				if got := string(f.Header(key)); got != want {
					t.Errorf("%s is %q, want %q", key, got, want)
				}
			}
			if len(f.Header("session")) == 0 {
				t.Error("no session")
			}
		})
	}
}

// Stock clients undo escapes only once CONNECTED has named a version that has them.
func TestErrorBeforeConnectedIsNotEscaped(t *testing.T) {
	p := newPlatform()
	e := p.serve(t, testConfig())
	c := e.open(t, nil)
	c.decoder.Version = stomp.V10
	c.send(stomp.Connect, "", "accept-version", "1.2")
	f := c.expectError(problem.CodeUnauthenticated)
	if got := string(f.Header("message")); !strings.HasPrefix(got, "unauthenticated: ") {
		t.Errorf("the message is %q", got)
	}
}

func TestHandshake(t *testing.T) {
	p := newPlatform()
	cfg := testConfig()
	cfg.Origins = []string{"pages.example"}
	e := p.serve(t, cfg)
	tests := map[string]struct {
		header   http.Header
		protocol []string
		status   int
		agreed   string
	}{
		"a program without an origin connects":         {status: 101},
		"a page of the same host connects":             {header: http.Header{"Origin": {"http://moim.test"}}, status: 101},
		"a page behind the same proxy connects":        {header: http.Header{"Origin": {"https://chat.example"}, "X-Forwarded-Host": {"chat.example"}}, status: 101},
		"a page of a configured host connects":         {header: http.Header{"Origin": {"https://Pages.example"}}, status: 101},
		"a page of another host is refused":            {header: http.Header{"Origin": {"https://evil.example"}}, status: 403},
		"a page without a host is refused":             {header: http.Header{"Origin": {"null"}}, status: 403},
		"the newest subprotocol of both is agreed on":  {protocol: []string{"v10.stomp", "v11.stomp"}, status: 101, agreed: "v11.stomp"},
		"a client that offers other protocols goes on": {protocol: []string{"mqtt"}, status: 101},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d := websocket.Dialer{NetDialContext: e.dial, Subprotocols: test.protocol}
			ws, response, err := d.Dial("ws://moim.test/ws", test.header)
			if response == nil {
				t.Fatal(err)
			}
			if response.StatusCode != test.status {
				t.Fatalf("status %d, want %d", response.StatusCode, test.status)
			}
			if test.status != http.StatusSwitchingProtocols {
				if got := response.Header.Get("Content-Type"); got != problem.ContentType {
					t.Errorf("content type %q, want a problem", got)
				}
				return
			}
			defer ws.Close()
			if got := ws.Subprotocol(); got != test.agreed {
				t.Errorf("subprotocol %q, want %q", got, test.agreed)
			}
		})
	}
}

func TestControlFramesTakeTheQueue(t *testing.T) {
	p := newPlatform()
	e := p.serve(t, testConfig())
	c := e.connect(t, p.user("mina"))
	pongs := 0
	c.ws.SetPongHandler(func(data string) error {
		if data != "are you there" {
			t.Errorf("pong %q", data)
		}
		pongs++
		return nil
	})
	if err := c.ws.WriteControl(websocket.PingMessage, []byte("are you there"), time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	c.expectNothing() // Reads the pong on its way.
	if pongs != 1 {
		t.Errorf("%d pongs for a ping", pongs)
	}

	message := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	if err := c.ws.WriteControl(websocket.CloseMessage, message, time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.ws.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
		t.Errorf("the answer to close is %v", err)
	}
}

func TestConnectTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlatform()
		e := p.servePipe(t, testConfig())
		c := e.open(t, nil)
		c.patience = time.Hour
		began := time.Now()
		c.expectError(problem.CodeUnauthenticated)
		if took := time.Since(began); took < 10*time.Second || took > 11*time.Second {
			t.Errorf("cut off after %s, want 10 s", took)
		}
	})
}

// A connection whose token was verified too late is closed, also when its client never does.
func TestConnectAfterTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlatform()
		mina := p.user("mina")
		e := p.servePipe(t, testConfig())
		e.verifyToken = func(ctx context.Context, raw string) (token.User, error) {
			time.Sleep(11 * time.Second)
			return p.verify(ctx, raw)
		}
		c := e.open(t, nil)
		c.patience = time.Hour
		c.send(stomp.Connect, "", "accept-version", "1.2", "passcode", mina)
		c.expect(stomp.Error)
		time.Sleep(time.Minute)
		if n := len(e.conns.all()); n != 0 {
			t.Errorf("%d connections are open", n)
		}
	})
}

func TestHeartBeats(t *testing.T) {
	tests := map[string]struct {
		header string
		every  time.Duration // a line feed comes; 0: never
		cut    time.Duration // after a silence so long; 0: never
	}{
		"none are sent to who wants none":                   {header: "0,0"},
		"the server sends as often as it can":               {header: "0,300", every: time.Second},
		"the server sends as seldom as is wanted":           {header: "0,3000", every: 3 * time.Second},
		"a silent client is cut off":                        {header: "1000,0", cut: 4 * time.Second},
		"a client that promised little is given more time":  {header: "5000,0", cut: 12 * time.Second},
		"a client that sends more than is wanted gets less": {header: "10,0", cut: 4 * time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPlatform()
				e := p.servePipe(t, testConfig())
				c := e.connect(t, p.user("mina"), "heart-beat", test.header)
				last, longest, beats := time.Now(), time.Duration(0), 0
				_ = c.ws.SetReadDeadline(time.Now().Add(time.Minute))
				began := time.Now()
				for {
					_, b, err := c.ws.ReadMessage()
					if err != nil {
						break
					}
					if string(b) != "\n" {
						t.Fatalf("got %q, want a line feed", b)
					}
					beats++
					longest, last = max(longest, time.Since(last)), time.Now()
				}
				lived := time.Since(began)
				if test.every > 0 && (longest > test.every || beats > int(time.Minute/test.every)*3/2) {
					t.Errorf("%d heart-beats, %s apart at most; want one every %s", beats, longest, test.every)
				}
				if test.every == 0 && beats > 0 {
					t.Errorf("%d heart-beats, want none", beats)
				}
				if test.cut > 0 && (lived < test.cut || lived > test.cut+time.Second) {
					t.Errorf("cut off after %s, want %s", lived, test.cut)
				}
				if test.cut == 0 && lived < time.Minute {
					t.Errorf("cut off after %s, want never", lived)
				}
			})
		})
	}
}

func TestTokenEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlatform()
		e := p.servePipe(t, testConfig())
		c, renewed := e.connect(t, p.user("mina")), e.connect(t, p.user("jun"))
		c.patience, renewed.patience = time.Hour, time.Hour
		time.Sleep(14 * time.Minute)
		renewed.send(stomp.Send, "", "destination", "/pub/session/renew", "Authorization", "Bearer "+p.user("jun"), "receipt", "r")
		renewed.expect(stomp.Receipt)

		began := time.Now()
		c.expectError(problem.CodeTokenExpired)
		if took := time.Since(began); took < time.Minute || took > 62*time.Second {
			t.Errorf("cut off %s after 14 minutes, want 1 minute", took)
		}
		renewed.expectNothing()
	})
}

func TestRenewRefusesAnothersToken(t *testing.T) {
	p := newPlatform()
	e := p.serve(t, testConfig())
	c := e.connect(t, p.user("mina"))
	c.send(stomp.Send, "", "destination", "/pub/session/renew", "Authorization", "Bearer "+p.user("jun"), "receipt", "r")
	if f := c.expectError(problem.CodeForbidden); string(f.Header("receipt-id")) != "r" {
		t.Errorf("receipt-id %q, want r", f.Header("receipt-id"))
	}
}

func TestRevokedSession(t *testing.T) {
	p := newPlatform()
	e := p.serve(t, testConfig())
	mina, minaToo, jun := e.connect(t, p.user("mina")), e.connect(t, p.user("mina")), e.connect(t, p.user("jun"))
	p.publish("auth.session.revoked", map[string]any{"userId": "mina", "sessionIds": []string{"session-mina", "session-gone"}})
	mina.expectError(problem.CodeTokenRevoked)
	minaToo.expectError(problem.CodeTokenRevoked)
	jun.expectNothing()

	late := e.open(t, nil) // Verified a moment before the event.
	late.send(stomp.Connect, "", "accept-version", "1.2", "passcode", "token-mina")
	late.expectError(problem.CodeTokenRevoked)
}
