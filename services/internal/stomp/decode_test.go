package stomp

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var limits = Limits{Headers: 4, HeaderBytes: 128, Body: 32}

type frame struct {
	Command string
	Headers [][2]string
	Body    string
}

// text is a comparable copy of f.
func text(f *Frame) frame {
	out := frame{Command: f.Command, Body: string(f.Body)}
	for _, h := range f.Headers {
		out.Headers = append(out.Headers, [2]string{string(h.Key), string(h.Value)})
	}
	return out
}

// decodeAll writes the parts to a decoder and answers all frames.
func decodeAll(v Version, l Limits, parts ...string) (frames []frame, err error) {
	d := Decoder{Version: v, Limits: l}
	var f Frame
	for _, part := range parts {
		d.Write([]byte(part))
		for {
			ok, err := d.Next(&f)
			if err != nil {
				return frames, err
			}
			if !ok {
				break
			}
			frames = append(frames, text(&f))
		}
	}
	return frames, nil
}

func TestDecode(t *testing.T) {
	tests := map[string]struct {
		version Version
		input   string
		want    []frame
		err     error
		early   bool // err is seen before the frame's end, when it comes at once
	}{
		"reads a frame without headers or body": {
			input: "BEGIN\n\n\x00", want: []frame{{Command: "BEGIN"}},
		},
		"reads headers and a body that ends at the NUL": {
			input: "SEND\ndestination:/pub\nreceipt:1\n\nhello\x00",
			want:  []frame{{"SEND", [][2]string{{"destination", "/pub"}, {"receipt", "1"}}, "hello"}},
		},
		"reads a body of content-length with NULs in it": {
			input: "SEND\ncontent-length:3\n\na\x00b\x00",
			want:  []frame{{"SEND", [][2]string{{"content-length", "3"}}, "a\x00b"}},
		},
		"takes the first content-length": {
			input: "SEND\ncontent-length:1\ncontent-length:2\n\na\x00",
			want:  []frame{{"SEND", [][2]string{{"content-length", "1"}, {"content-length", "2"}}, "a"}},
		},
		"reads several frames and skips the heart-beats around them": {
			input: "\n\r\nBEGIN\n\n\x00\n\nABORT\r\n\r\n\x00\n",
			want:  []frame{{Command: "BEGIN"}, {Command: "ABORT"}},
		},
		"drops carriage returns in 1.2": {
			input: "SEND\r\na:b\r\n\r\n\r\n\x00", want: []frame{{"SEND", [][2]string{{"a", "b"}}, "\r\n"}},
		},
		"keeps a carriage return in 1.1": {
			version: V11, input: "SEND\na:b\r\n\n\x00", want: []frame{{"SEND", [][2]string{{"a", "b\r"}}, ""}},
		},
		"keeps spaces": {
			input: "SEND\na: b \n\n\x00", want: []frame{{"SEND", [][2]string{{"a", " b "}}, ""}},
		},
		"undoes the escapes of 1.2": {
			input: `SEND` + "\n" + `a\cb:\\n\n\r\c` + "\n\n\x00", want: []frame{{"SEND", [][2]string{{"a:b", "\\n\n\r:"}}, ""}},
		},
		"knows no carriage return escape in 1.1": {
			version: V11, input: "SEND\na:\\r\n\n\x00", err: ErrEscape,
		},
		"leaves backslashes alone in 1.0": {
			version: V10, input: "SEND\na:\\t\\n:x\n\n\x00", want: []frame{{"SEND", [][2]string{{"a", "\\t\\n:x"}}, ""}},
		},
		"leaves backslashes alone in CONNECT": {
			input: "CONNECT\npasscode:a\\tb\n\n\x00", want: []frame{{"CONNECT", [][2]string{{"passcode", "a\\tb"}}, ""}},
		},
		"refuses an undefined escape":            {input: "SEND\na:\\t\n\n\x00", err: ErrEscape},
		"refuses a backslash at the end":         {input: "SEND\na:b\\\n\n\x00", err: ErrEscape},
		"refuses an unknown command":             {input: "PUBLISH\n\n\x00", err: ErrCommand},
		"refuses a command in small letters":     {input: "send\n\n\x00", err: ErrCommand},
		"refuses a header without a colon":       {input: "SEND\nab\n\n\x00", err: ErrHeader},
		"refuses a header without a name":        {input: "SEND\n:ab\n\n\x00", err: ErrHeader},
		"refuses a NUL in a header":              {input: "SEND\na:b\x00c\n\n\x00", err: ErrHeader},
		"refuses a frame that ends in a header":  {input: "SEND\na:b\x00", err: ErrHeader},
		"refuses a content-length of no number":  {input: "SEND\ncontent-length:x\n\n\x00", err: ErrContentLength},
		"refuses a negative content-length":      {input: "SEND\ncontent-length:-1\n\n\x00", err: ErrContentLength},
		"refuses a content-length that is short": {input: "SEND\ncontent-length:1\n\nab\x00", err: ErrUnterminated},
		"refuses a content-length over the limit at once": {
			input: "SEND\ncontent-length:33\n\n", err: ErrBodyLarge, early: true,
		},
		"refuses a body over the limit before its end": {
			input: "SEND\n\n" + strings.Repeat("x", 33), err: ErrBodyLarge, early: true,
		},
		"takes a body at the limit": {
			input: "SEND\n\n" + strings.Repeat("x", 32) + "\x00", want: []frame{{Command: "SEND", Body: strings.Repeat("x", 32)}},
		},
		"refuses too many headers": {
			input: "SEND\na:1\nb:2\nc:3\nd:4\ne:5\n\n\x00", err: ErrHeadersLarge,
		},
		"refuses long headers before their end": {
			input: "SEND\na:" + strings.Repeat("x", 128), err: ErrHeadersLarge, early: true,
		},
		"refuses long headers": {
			input: "SEND\na:" + strings.Repeat("x", 128) + "\n\n\x00", err: ErrHeadersLarge,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			parts := map[string][]string{"at once": {test.input}, "byte by byte": strings.Split(test.input, "")}
			if test.early {
				delete(parts, "byte by byte")
			}
			for how, parts := range parts {
				got, err := decodeAll(test.version, limits, parts...)
				if !errors.Is(err, test.err) {
					t.Errorf("%s: error %v, want %v", how, err, test.err)
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("%s: frames differ (-want +got):\n%s", how, diff)
				}
			}
		})
	}
}

func TestDecoderHoldsNoMemoryBetweenFrames(t *testing.T) {
	d := Decoder{Limits: limits}
	var f Frame
	for _, part := range []string{"SEND\n", "\nhel", "lo\x00\n"} {
		d.Write([]byte(part))
		for ok := true; ok; {
			var err error
			if ok, err = d.Next(&f); err != nil {
				t.Fatal(err)
			}
		}
	}
	if d.pending != nil || d.input != nil {
		t.Errorf("the decoder keeps %d and %d bytes", cap(d.pending), cap(d.input))
	}
}

func TestDecoderIsBounded(t *testing.T) {
	d := Decoder{Limits: limits}
	var f Frame
	d.Write([]byte("SEND\ncontent-length:32\n\n"))
	for sent := 0; ; sent++ {
		if _, err := d.Next(&f); err != nil {
			if !errors.Is(err, ErrUnterminated) {
				t.Errorf("error %v, want %v", err, ErrUnterminated)
			}
			return
		}
		if sent > 33 {
			t.Fatal("the decoder goes on buffering")
		}
		d.Write([]byte("x"))
	}
}

// FuzzDecode checks that how a stream is divided changes nothing, and that what
// was decoded encodes to what decodes the same.
func FuzzDecode(f *testing.F) {
	f.Add([]byte("\nSEND\na:b\\n\ncontent-length:3\n\na\x00b\x00BEGIN\n\n\x00"), uint8(3), uint8(0))
	f.Add([]byte("CONNECT\r\npasscode:\\x\r\n\r\n\x00"), uint8(1), uint8(1))
	f.Add([]byte("SEND\n\nbody\x00\n\n"), uint8(5), uint8(2))
	f.Fuzz(func(t *testing.T, input []byte, step, version uint8) {
		v, wide := Version(version%3), Limits{Headers: 8, HeaderBytes: 1 << 10, Body: 1 << 10}
		whole, wholeErr := decodeAll(v, wide, string(input))
		var parts []string
		for rest := string(input); rest != ""; {
			n := min(int(step)%16+1, len(rest))
			parts, rest = append(parts, rest[:n]), rest[n:]
		}
		divided, dividedErr := decodeAll(v, wide, parts...)
		if diff := cmp.Diff(whole, divided); diff != "" {
			t.Fatalf("divided in %d parts (-whole +divided):\n%s", len(parts), diff)
		}
		if wholeErr != nil && dividedErr == nil { // a frame that came in parts is looked at when it may be whole
			_, dividedErr = decodeAll(v, wide, append(parts, "\x00")...)
		}
		if (wholeErr == nil) != (dividedErr == nil) {
			t.Fatalf("divided in %d parts: error %v, at once %v", len(parts), dividedErr, wholeErr)
		}

		var again []byte
		for _, one := range whole {
			frame := Frame{Command: one.Command, Body: []byte(one.Body)}
			for _, h := range one.Headers {
				frame.Headers = append(frame.Headers, Header{[]byte(h[0]), []byte(h[1])})
			}
			if !escapes(one.Command, v) {
				for i := range one.Headers { // as Append must
					one.Headers[i][0] = strings.ReplaceAll(one.Headers[i][0], "\r", " ")
					one.Headers[i][1] = strings.ReplaceAll(one.Headers[i][1], "\r", " ")
				}
			}
			if len(frame.Body) > 0 && frame.Header("content-length") == nil {
				one.Headers = append(one.Headers, [2]string{"content-length", "…"})
			}
			again = Append(again, &frame, v)
		}
		reread, err := decodeAll(v, Limits{Headers: 9, HeaderBytes: 1 << 14, Body: 1 << 10}, string(again))
		if err != nil {
			t.Fatalf("what was encoded is not decoded: %v\n%q", err, again)
		}
		if len(reread) != len(whole) {
			t.Fatalf("%d frames encoded, %d decoded", len(whole), len(reread))
		}
		for i := range whole {
			got := reread[i]
			got.Headers = got.Headers[:min(len(got.Headers), len(whole[i].Headers))]
			if len(got.Headers) == 0 {
				got.Headers = nil
			}
			if diff := cmp.Diff(whole[i], got); diff != "" {
				t.Fatalf("frame %d (-decoded +again):\n%s", i, diff)
			}
		}
	})
}
