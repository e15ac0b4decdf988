package load

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestScheduleIsFixedBeforehand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		s := Schedule{Start: start, Rate: 10, Count: 5}
		var due, sent []time.Duration
		err := s.Run(t.Context(), func(i int, at time.Time) error {
			due, sent = append(due, at.Sub(start)), append(sent, time.Since(start))
			if i == 1 {
				time.Sleep(250 * time.Millisecond) // A server that makes the sender wait.
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		const ms = time.Millisecond
		if diff := cmp.Diff([]time.Duration{0, 100 * ms, 200 * ms, 300 * ms, 400 * ms}, due); diff != "" {
			t.Errorf("due (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]time.Duration{0, 100 * ms, 350 * ms, 350 * ms, 400 * ms}, sent); diff != "" {
			t.Errorf("sent (-want +got):\n%s", diff)
		}
	})
}

func TestHistogramIsCloseAndNeverTooShort(t *testing.T) {
	for name, unit := range map[string]time.Duration{"microseconds": time.Microsecond, "milliseconds": time.Millisecond, "seconds": time.Second} {
		t.Run(name, func(t *testing.T) {
			var odd, even, h Histogram
			for i := 1; i <= 1000; i += 2 {
				odd.Record(time.Duration(i)*unit, 1)
				even.Record(time.Duration(i+1)*unit, 1)
			}
			h.Merge(&odd)
			h.Merge(&even)
			if h.Count() != 1000 {
				t.Errorf("%d counted", h.Count())
			}
			for q, want := range map[float64]int{0.001: 1, 0.01: 10, 0.5: 500, 0.95: 950, 0.99: 990, 1: 1000} {
				got, exact := h.Quantile(q), time.Duration(want)*unit
				if got < exact || got > exact+exact/15+time.Microsecond {
					t.Errorf("quantile %v is %s, want %s", q, got, exact)
				}
			}
		})
	}
	if got := (&Histogram{}).Quantile(0.5); got != 0 {
		t.Errorf("nothing has the quantile %s", got)
	}
}

func TestMarker(t *testing.T) {
	want := Marker{Number: 17, Due: 1_700_000_000_000_000_001}
	if got, ok := FindMarker(want.Append([]byte(`MESSAGE {"content":"`))); !ok || got != want {
		t.Errorf("found %v %v", got, ok)
	}
	for _, none := range []string{"", "MESSAGE", "load=", "load=1", "load=1/", "load=1/2", "load=/2;", "load=a/2;", "load=1/2x;"} {
		if got, ok := FindMarker([]byte(none)); ok {
			t.Errorf("found %v in %q", got, none)
		}
	}
}

func TestScannerFindsFrames(t *testing.T) {
	long := strings.Repeat("x", 70_000)
	for name, test := range map[string]struct {
		stream []byte
		want   []string
	}{
		"one in a message":                    {ws(opText, "ONE\x00"), []string{"ONE"}},
		"several in a message":                {ws(opText, "ONE\x00\nTWO\x00\n"), []string{"ONE", "TWO"}},
		"one over several messages":           {join(ws(opText, "ON"), ws(opBinary, "E\n"), ws(opContinuation, "\n\x00")), []string{"ONE\n\n"}},
		"none in heart-beats":                 {join(ws(opText, "\n"), ws(opText, "\r\n"), ws(opText, "ONE\x00")), []string{"ONE"}},
		"with a length of 16 bits":            {ws(opText, long[:300]+"\x00"), []string{long[:300]}},
		"with a length of 64 bits":            {ws(opText, long+"\x00"), []string{long}},
		"and answers pings in between":        {join(ws(opText, "ON"), ws(opPing, "hello"), ws(opText, "E\x00")), []string{"pong hello", "ONE"}},
		"and ignores the pongs of its server": {join(ws(opPong, ""), ws(opText, "ONE\x00")), []string{"ONE"}},
	} {
		for way, reader := range map[string]func(io.Reader) io.Reader{"at once": func(r io.Reader) io.Reader { return r }, "by the byte": iotest.OneByteReader} {
			t.Run(name+", read "+way, func(t *testing.T) {
				var got []string
				s := scanner{pong: func(b []byte) error { got = append(got, "pong "+string(b)); return nil }}
				r, buffer := reader(bytes.NewReader(test.stream)), make([]byte, 100_000)
				for {
					err := s.read(r, buffer, func(f []byte) error { got = append(got, string(f)); return nil })
					if errors.Is(err, io.EOF) {
						break
					}
					if err != nil {
						t.Fatal(err)
					}
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("frames (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestScannerRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		stream []byte
		want   string
	}{
		"a close, with its reason":             {ws(opClose, "\x03\xf1draining"), "1009 draining"},
		"a frame that the buffer can't take":   {ws(opText, strings.Repeat("x", 200)), "larger than the buffer"},
		"a masked frame":                       {[]byte{0x81, 0x80, 0, 0, 0, 0}, "masks"},
		"a kind of frame that isn't WebSocket": {ws(3, ""), "kind 3"},
	} {
		t.Run(name, func(t *testing.T) {
			var s scanner
			var err error
			for r := bytes.NewReader(test.stream); err == nil; {
				err = s.read(r, make([]byte, 100), func([]byte) error { return nil })
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %s", err, test.want)
			}
		})
	}
}

func TestGroup(t *testing.T) {
	message := func(n int64) string { return string(Marker{Number: n, Due: 1}.Append([]byte("MESSAGE\n\n"))) + "\x00" }
	for name, test := range map[string]struct {
		stream string
		want   string
	}{
		"counts what comes once and in order": {message(0) + "MESSAGE\n\nsomebody entered\x00" + message(1) + message(2), ""},
		"sees a gap":                          {message(0) + message(2), "message 2 came where 1"},
		"sees a repetition":                   {message(0) + message(0), "message 0 came where 1"},
		"sees another order":                  {message(1) + message(0), "message 1 came where 0"},
		"sees that it was cut off":            {message(0) + "ERROR\ncode:slow_consumer\n\n\x00", "slow_consumer"},
	} {
		t.Run(name, func(t *testing.T) {
			near, far := net.Pipe()
			defer far.Close()
			g := NewGroup([]*Conn{{net: near}})
			defer g.Close()
			if _, err := far.Write(ws(opText, test.stream)); err != nil {
				t.Fatal(err)
			}
			err := g.AwaitMessages(t.Context(), 3)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

func TestProcesses(t *testing.T) {
	before, err := Processes(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); time.Since(began) < time.Second; {
		after, err := Processes(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if after.CPU > before.CPU && after.RSS > 1<<20 {
			return
		}
	}
	t.Errorf("a second of work used nothing since %+v", before)
}

// ws encodes a server's WebSocket frame.
func ws(op byte, payload string) []byte {
	b := []byte{0x80 | op}
	switch n := len(payload); {
	case n < 126:
		b = append(b, byte(n))
	case n <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	return append(b, payload...)
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
