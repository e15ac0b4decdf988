package load

import (
	"bytes"
	"strconv"
)

// Marker is what a message of a run says of itself, somewhere in its body: its number in its room, and when it was due.
type Marker struct {
	Number int64
	Due    int64 // Nanoseconds since the Unix epoch.
}

var markerStart = []byte("load=")

// Append writes the marker as "load=<number>/<due>;".
func (m Marker) Append(b []byte) []byte {
	b = append(b, markerStart...)
	b = strconv.AppendInt(b, m.Number, 10)
	b = append(b, '/')
	b = strconv.AppendInt(b, m.Due, 10)
	return append(b, ';')
}

// FindMarker reads the first marker of a frame.
func FindMarker(frame []byte) (m Marker, ok bool) {
	i := bytes.Index(frame, markerStart)
	if i < 0 {
		return m, false
	}
	rest := frame[i+len(markerStart):]
	if m.Number, rest, ok = number(rest, '/'); !ok {
		return m, false
	}
	m.Due, _, ok = number(rest, ';')
	return m, ok
}

// number reads digits up to an end.
func number(b []byte, end byte) (n int64, rest []byte, ok bool) {
	for i, c := range b {
		switch {
		case c == end:
			return n, b[i+1:], i > 0
		case c < '0' || c > '9':
			return 0, nil, false
		}
		n = n*10 + int64(c-'0')
	}
	return 0, nil, false
}
