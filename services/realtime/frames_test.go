package main

import (
	"encoding/json"
	"strings"
	"testing"

	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/rooms"
	"moim.dev/moim/services/internal/stomp"
)

func TestRefusedFrames(t *testing.T) {
	p := newPlatform()
	token := p.user("mina")
	p.join(roomR, "mina")
	p.join(roomOthers)
	p.say(roomR, "one")
	e := p.serve(t, testConfig())
	text := func(command, body string, headers ...string) string {
		return string(stomp.Append(nil, &stomp.Frame{Command: command, Headers: stomp.H(headers...), Body: []byte(body)}, stomp.V12))
	}
	message := func(body string, more ...string) string {
		return text("SEND", body, append([]string{"destination", "/pub/chat/message"}, more...)...)
	}
	tests := map[string]struct{ input, code string }{
		"a command of no version":                {"PUBLISH\n\n\x00", codeBadFrame},
		"a second CONNECT":                       {text("CONNECT", "", "passcode", token), codeBadFrame},
		"an acknowledgement":                     {text("ACK", "", "id", "1"), codeBadFrame},
		"a transaction":                          {text("BEGIN", "", "transaction", "1"), codeBadFrame},
		"a frame of the server":                  {text("MESSAGE", ""), codeBadFrame},
		"a SEND without a destination":           {text("SEND", ""), problem.CodeForbidden},
		"a SEND to where nothing is":             {text("SEND", "", "destination", "/sub/chat/"+roomR), problem.CodeForbidden},
		"a SUBSCRIBE without an id":              {text("SUBSCRIBE", "", "destination", "/sub/chat/"+roomR), codeBadFrame},
		"a SUBSCRIBE that wants to acknowledge":  {text("SUBSCRIBE", "", "destination", "/sub/chat/"+roomR, "id", "1", "ack", "client"), codeBadFrame},
		"a SUBSCRIBE to where nothing is":        {text("SUBSCRIBE", "", "destination", "/sub/secrets", "id", "1"), problem.CodeForbidden},
		"a SUBSCRIBE to a path":                  {text("SUBSCRIBE", "", "destination", "/sub/chat/../x", "id", "1"), problem.CodeForbidden},
		"a SUBSCRIBE to no room":                 {text("SUBSCRIBE", "", "destination", "/sub/chat/"+roomNowhere, "id", "1"), problem.CodeNotFound},
		"a SUBSCRIBE of who is no member":        {text("SUBSCRIBE", "", "destination", "/sub/chat/"+roomOthers, "id", "1"), rooms.ErrNotAMember.Code},
		"a SUBSCRIBE after no number":            {text("SUBSCRIBE", "", "destination", "/sub/chat/"+roomR, "id", "1", "after", "x"), problem.CodeValidation},
		"a SUBSCRIBE after a negative number":    {text("SUBSCRIBE", "", "destination", "/sub/chat/"+roomR, "id", "1", "after", "-1"), problem.CodeValidation},
		"a SUBSCRIBE beyond the log":             {text("SUBSCRIBE", "", "destination", "/sub/chat/"+roomR, "id", "1", "after", "2"), problem.CodeValidation},
		"an UNSUBSCRIBE without an id":           {text("UNSUBSCRIBE", ""), codeBadFrame},
		"a message that is no JSON":              {message("hello"), problem.CodeValidation},
		"a message without a room":               {message(`{"content":"x"}`), problem.CodeValidation},
		"a message without content":              {message(`{"roomId":"` + roomR + `","content":""}`), problem.CodeValidation},
		"a message that is too long":             {message(`{"roomId":"` + roomR + `","content":"` + strings.Repeat("안", 4001) + `"}`), problem.CodeValidation},
		"a message with a long key":              {message(`{"roomId":"`+roomR+`","content":"x"}`, "idempotency-key", strings.Repeat("k", 65)), problem.CodeValidation},
		"a message with a key that is no text":   {message(`{"roomId":"`+roomR+`","content":"x"}`, "idempotency-key", "\xff"), problem.CodeValidation},
		"a message with a NUL":                   {message(`{"roomId":"` + roomR + `","content":"\u0000"}`), problem.CodeValidation},
		"a message to others' room":              {message(`{"roomId":"` + roomOthers + `","content":"x"}`), rooms.ErrNotAMember.Code},
		"a body over the limit":                  {message(strings.Repeat("x", 65<<10)), problem.CodeTooLarge},
		"a header over the limit":                {text("SEND", "", "x", strings.Repeat("x", 9<<10)), problem.CodeTooLarge},
		"an entry to a full room":                {text("SEND", `{"roomId":"`+roomFull+`"}`, "destination", "/pub/chat/enter"), "room_full"},
		"an entry to a room that can't be named": {text("SEND", `{"roomId":"a/b"}`, "destination", "/pub/chat/enter"), problem.CodeValidation},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := e.connect(t, token)
			c.write(strings.Replace(test.input, "\n", "\nreceipt:42\n", 1))
			f := c.expectError(test.code)
			var body problem.Error
			if err := json.Unmarshal(f.Body, &body); err != nil || body.Code != test.code || f.Header("message") == nil {
				t.Errorf("the ERROR's body is %s (%v)", f.Body, err)
			}
		})
	}
}

func TestFramesHoweverTheyAreDivided(t *testing.T) {
	p := newPlatform()
	token := p.user("mina")
	p.join(roomR, "mina")
	e := p.serve(t, testConfig())
	c := e.connect(t, token)
	c.write("\n\nSUBSCRIBE\nid:s\ndestination:/sub/chat/" + roomR + "\nreceipt:1\n\n\x00\nUNSUBSCRIBE\nid:x\nreceipt:2\n\n\x00\nSEND\ndest")
	c.expect(stomp.Receipt)
	c.expect(stomp.Receipt)
	c.write("ination:/pub/chat/message\n\n{\"roomId\":\"" + roomR + "\",\"con")
	c.write("tent\":\"in three parts\"}")
	c.write("\x00\n")
	c.expectMessages("s", 1, 1)
}

func TestTheLongestMessageIsTaken(t *testing.T) {
	p := newPlatform()
	token := p.user("mina")
	p.join(roomR, "mina")
	e := p.serve(t, testConfig())
	c := e.connect(t, token)
	c.subscribe(roomR, "s", -1)
	content := strings.Repeat("😀", 4000)
	c.message(roomR, content, "")
	var body stored
	if err := json.Unmarshal(c.expect(stomp.Message).Body, &body); err != nil || body.Content != content {
		t.Errorf("the message is not what was sent (%v)", err)
	}
	escaped := strings.Repeat(`\ud83d\ude00`, 4000)
	c.send(stomp.Send, `{"roomId":"`+roomR+`","content":"`+escaped+`"}`, "destination", "/pub/chat/message")
	if err := json.Unmarshal(c.expect(stomp.Message).Body, &body); err != nil || body.Content != content {
		t.Errorf("the message is not what was sent, escaped (%v)", err)
	}
}

func TestMessageFrame(t *testing.T) {
	p := newPlatform()
	token := p.user("mina")
	p.join(roomR, "mina")
	e := p.serve(t, testConfig())
	for _, version := range stomp.Versions {
		t.Run(version.String(), func(t *testing.T) {
			c := e.open(t, nil)
			c.version, c.decoder.Version = version, version
			c.send(stomp.Connect, "", "accept-version", version.String(), "passcode", token)
			c.expect(stomp.Connected)
			c.subscribe(roomR, "my:sub\\", -1)
			p.say(roomR, "hello")
			f := c.expect(stomp.Message)
			seq := string(f.Header("seq"))
			for key, want := range map[string]string{
				"subscription": "my:sub\\", "message-id": roomR + ":" + seq, "destination": "/sub/chat/" + roomR, "content-type": "application/json",
			} {
				if got := string(f.Header(key)); got != want {
					t.Errorf("%s is %q, want %q", key, got, want)
				}
			}
		})
	}
}

// In 1.0 a subscription needs no id: its destination names it.
func TestSubscriptionsWithoutID(t *testing.T) {
	p := newPlatform()
	token := p.user("mina")
	p.join(roomR, "mina")
	p.join(roomQ, "mina")
	e := p.serve(t, testConfig())
	c, other := e.open(t, nil), e.connect(t, token)
	other.subscribe(roomR, "s", -1)
	c.version, c.decoder.Version = stomp.V10, stomp.V10
	c.send(stomp.Connect, "", "passcode", token)
	c.expect(stomp.Connected)
	for _, room := range []string{roomR, roomQ} {
		c.send(stomp.Subscribe, "", "destination", "/sub/chat/"+room, "receipt", "1")
		c.expect(stomp.Receipt)
		p.say(room, "hello")
		f := c.expect(stomp.Message)
		if _, given := f.Lookup("subscription"); given || string(f.Header("destination")) != "/sub/chat/"+room {
			t.Errorf("a message has the headers %q", f.Headers)
		}
	}
	other.expectMessages("s", 1, 1)
	c.send(stomp.Unsubscribe, "", "destination", "/sub/chat/"+roomR, "receipt", "2")
	c.expect(stomp.Receipt)
	p.say(roomR, "unheard")
	p.say(roomQ, "heard")
	if f := c.expect(stomp.Message); string(f.Header("destination")) != "/sub/chat/"+roomQ {
		t.Errorf("a message of %s", f.Header("destination"))
	}
	c.send(stomp.Subscribe, "", "destination", "/sub/chat/"+roomQ, "receipt", "3")
	c.expectError(codeBadFrame)
}
