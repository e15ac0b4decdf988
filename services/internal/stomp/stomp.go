// Package stomp reads and writes the frames of STOMP 1.0, 1.1 and 1.2
// (https://stomp.github.io/stomp-specification-1.2.html).
//
// It knows frames only: no connection, no session. Decoding copies nothing: a
// [Frame] refers to the bytes it was decoded from. Encoding appends to a slice
// of the caller.
package stomp

import "errors"

// The commands of the protocol.
const (
	Abort       = "ABORT"
	Ack         = "ACK"
	Begin       = "BEGIN"
	Commit      = "COMMIT"
	Connect     = "CONNECT"
	Connected   = "CONNECTED"
	Disconnect  = "DISCONNECT"
	Error       = "ERROR"
	Message     = "MESSAGE"
	Nack        = "NACK"
	Receipt     = "RECEIPT"
	Send        = "SEND"
	Stomp       = "STOMP" // CONNECT by its other name, since 1.2
	Subscribe   = "SUBSCRIBE"
	Unsubscribe = "UNSUBSCRIBE"
)

// commands lets the decoder name a command without allocating.
var commands = map[string]string{
	Abort: Abort, Ack: Ack, Begin: Begin, Commit: Commit, Connect: Connect, Connected: Connected, Disconnect: Disconnect, Error: Error,
	Message: Message, Nack: Nack, Receipt: Receipt, Send: Send, Stomp: Stomp, Subscribe: Subscribe, Unsubscribe: Unsubscribe,
}

// Version is a version of the protocol. It decides how headers are escaped and
// what ends a line.
type Version uint8

// The versions of the protocol, best first.
const (
	V12 Version = iota // also what clients write before CONNECTED has named a version
	V11
	V10
)

// Versions are the versions this package speaks, best first.
var Versions = []Version{V12, V11, V10}

// String is the version as it stands in headers, such as "1.2".
func (v Version) String() string {
	return [...]string{V12: "1.2", V11: "1.1", V10: "1.0"}[v]
}

// What can be wrong with a frame. After any of them the rest of the stream
// means nothing.
var (
	ErrCommand       = errors.New("unknown command")
	ErrHeader        = errors.New("malformed header")
	ErrEscape        = errors.New("undefined escape sequence in a header")
	ErrContentLength = errors.New("bad content-length")
	ErrUnterminated  = errors.New("no NUL after the body")
	ErrHeadersLarge  = errors.New("headers too large")
	ErrBodyLarge     = errors.New("body too large")
)

// TooLarge says whether err is about a limit rather than about form.
func TooLarge(err error) bool {
	return errors.Is(err, ErrHeadersLarge) || errors.Is(err, ErrBodyLarge)
}

// Limits bounds the frames that are accepted.
type Limits struct {
	Headers     int // number of headers in a frame
	HeaderBytes int // command and headers together
	Body        int // bytes of the body
}

// Frame is one frame. Its headers and body share memory with what it was
// decoded from and are valid as long as that is.
type Frame struct {
	Command string
	Headers []Header
	Body    []byte
}

// Header is one header line, unescaped.
type Header struct{ Key, Value []byte }

// Header is the value of the first header of that name, which is the one that
// counts when a header is repeated; nil when there is none.
func (f *Frame) Header(key string) []byte {
	value, _ := f.Lookup(key)
	return value
}

// Lookup is [Frame.Header] for who must tell an empty header from none.
func (f *Frame) Lookup(key string) (value []byte, ok bool) {
	for i := range f.Headers {
		if string(f.Headers[i].Key) == key {
			return f.Headers[i].Value, true
		}
	}
	return nil, false
}
