package stomp

import (
	"bytes"
	"strconv"
)

// decode reads the frame at the start of b into f, whose header slice it uses
// again. It answers the number of bytes the frame takes. When b holds only a
// part, it answers 0 and how many bytes there must be before another try makes
// sense, as far as that is known (0: until a NUL comes).
//
// b is changed only when a whole frame was read: escapes are undone in place.
func decode(f *Frame, b []byte, v Version, l Limits) (n, need int, err error) {
	f.Headers, f.Body = f.Headers[:0], nil
	line, rest, ok := cutLine(b, v)
	if !ok {
		return 0, 0, partial(b, l)
	}
	command, known := commands[string(line)]
	if !known {
		return 0, 0, ErrCommand
	}
	f.Command = command

	length, escaped := -1, false
	for {
		line, rest, ok = cutLine(rest, v)
		if !ok {
			return 0, 0, partial(b, l)
		}
		if len(b)-len(rest) > l.HeaderBytes {
			return 0, 0, ErrHeadersLarge
		}
		if len(line) == 0 {
			break
		}
		colon := bytes.IndexByte(line, ':')
		if colon <= 0 || bytes.IndexByte(line, 0) >= 0 {
			return 0, 0, ErrHeader
		}
		h := Header{Key: line[:colon], Value: line[colon+1:]}
		if len(f.Headers) == l.Headers {
			return 0, 0, ErrHeadersLarge
		}
		f.Headers = append(f.Headers, h)
		escaped = escaped || bytes.IndexByte(line, '\\') >= 0
		if length < 0 && string(h.Key) == "content-length" {
			if length, err = contentLength(h.Value, l); err != nil {
				return 0, 0, err
			}
		}
	}

	head := len(b) - len(rest)
	switch {
	case length < 0:
		if length = bytes.IndexByte(rest, 0); length < 0 {
			if len(rest) > l.Body {
				return 0, 0, ErrBodyLarge
			}
			return 0, 0, nil
		}
		if length > l.Body {
			return 0, 0, ErrBodyLarge
		}
	case len(rest) <= length:
		return 0, head + length + 1, nil
	case rest[length] != 0:
		return 0, 0, ErrUnterminated
	}
	f.Body = rest[:length]
	if escaped && escapes(command, v) {
		err = unescapeAll(f.Headers, v)
	}
	return head + length + 1, 0, err
}

// partial says whether b, which ends within the headers, can still become a
// frame.
func partial(b []byte, l Limits) error {
	if bytes.IndexByte(b, 0) >= 0 {
		return ErrHeader
	}
	if len(b) > l.HeaderBytes {
		return ErrHeadersLarge
	}
	return nil
}

// cutLine takes the first line off b. 1.2 lets a carriage return precede the
// line feed.
func cutLine(b []byte, v Version) (line, rest []byte, ok bool) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return nil, b, false
	}
	line, rest = b[:i], b[i+1:]
	if v == V12 && i > 0 && line[i-1] == '\r' {
		line = line[:i-1]
	}
	return line, rest, true
}

func contentLength(value []byte, l Limits) (int, error) {
	n, err := strconv.ParseUint(string(value), 10, 31)
	if err != nil {
		return 0, ErrContentLength
	}
	if int(n) > l.Body {
		return 0, ErrBodyLarge
	}
	return int(n), nil
}

// escapes says whether headers of that command are escaped: never in 1.0, nor
// in the frames that 1.0 and later share.
func escapes(command string, v Version) bool {
	return v != V10 && command != Connect && command != Connected
}

func unescapeAll(headers []Header, v Version) (err error) {
	for i := range headers {
		h := &headers[i]
		if h.Key, err = unescape(h.Key, v); err != nil {
			return err
		}
		if h.Value, err = unescape(h.Value, v); err != nil {
			return err
		}
	}
	return nil
}

// unescape works in place: what is unescaped is never longer.
func unescape(b []byte, v Version) ([]byte, error) {
	i := bytes.IndexByte(b, '\\')
	if i < 0 {
		return b, nil
	}
	out := b[:i]
	for ; i < len(b); i++ {
		c := b[i]
		if c == '\\' {
			if i++; i == len(b) {
				return nil, ErrEscape
			}
			switch b[i] {
			case 'n':
				c = '\n'
			case 'c':
				c = ':'
			case '\\':
			case 'r':
				if v != V12 {
					return nil, ErrEscape
				}
				c = '\r'
			default:
				return nil, ErrEscape
			}
		}
		out = append(out, c)
	}
	return out, nil
}
