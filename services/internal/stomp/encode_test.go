package stomp

import (
	"strings"
	"testing"
)

func TestAppend(t *testing.T) {
	tests := map[string]struct {
		version Version
		frame   Frame
		want    string
	}{
		"adds a content-length": {
			frame: Frame{Command: Send, Headers: H("a", "b"), Body: []byte("xyz")},
			want:  "SEND\na:b\ncontent-length:3\n\nxyz\x00",
		},
		"keeps the content-length it is given": {
			frame: Frame{Command: Send, Headers: H("content-length", "3"), Body: []byte("xyz")},
			want:  "SEND\ncontent-length:3\n\nxyz\x00",
		},
		"escapes for 1.2":            {frame: Frame{Command: Send, Headers: H("a:", "\r\n\\")}, want: "SEND\na\\c:\\r\\n\\\\\n\n\x00"},
		"escapes for 1.1":            {version: V11, frame: Frame{Command: Send, Headers: H("a", "\r\n")}, want: "SEND\na:\r\\n\n\n\x00"},
		"escapes nothing for 1.0":    {version: V10, frame: Frame{Command: Send, Headers: H("a", "b:\\")}, want: "SEND\na:b:\\\n\n\x00"},
		"escapes nothing in CONNECT": {frame: Frame{Command: Connect, Headers: H("a", "b:\\")}, want: "CONNECT\na:b:\\\n\n\x00"},
		"lets no header make another where nothing is escaped": {
			frame: Frame{Command: Connected, Headers: H("user-name", "x\nsession:y\x00")},
			want:  "CONNECTED\nuser-name:x session:y \n\n\x00",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := string(Append(nil, &test.frame, test.version)); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestHeaderIsTheFirstOfItsName(t *testing.T) {
	f := Frame{Headers: H("a", "1", "b", "", "a", "2")}
	if got := string(f.Header("a")); got != "1" {
		t.Errorf("header a is %q, want the first, 1", got)
	}
	if _, ok := f.Lookup("b"); !ok {
		t.Error("an empty header is not found")
	}
	if _, ok := f.Lookup("c"); ok {
		t.Error("a header that is not there is found")
	}
}

func BenchmarkDecode(b *testing.B) {
	send := []byte("SEND\ndestination:/pub/chat/message\nreceipt:message-42\nidempotency-key:0f8fad5b-d9cb-469f-a165-70867728950e\n" +
		"content-type:application/json\n\n" + `{"roomId":"018f3f5e-8a3e-7000-8000-000000000000","content":"` + strings.Repeat("안녕 ", 16) + `"}` + "\x00")
	d := Decoder{Limits: Limits{Headers: 16, HeaderBytes: 4096, Body: 65536}}
	var f Frame
	b.SetBytes(int64(len(send)))
	b.ReportAllocs()
	for b.Loop() {
		d.Write(send)
		for ok := true; ok; {
			var err error
			if ok, err = d.Next(&f); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	f := Frame{
		Command: Message,
		Headers: H("subscription", "sub-0", "message-id", "018f3f5e-8a3e-7000-8000-000000000000:42",
			"destination", "/sub/chat/018f3f5e-8a3e-7000-8000-000000000000", "seq", "42", "content-type", "application/json"),
		Body: []byte(strings.Repeat("x", 200)),
	}
	dst := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		dst = Append(dst[:0], &f, V12)
	}
	b.SetBytes(int64(len(dst)))
}
