package stomp

import (
	"slices"
	"strconv"
)

// Append appends f as a frame of version v to dst. A content-length is added
// when there is a body and none is among the headers.
func Append(dst []byte, f *Frame, v Version) []byte {
	dst = append(append(dst, f.Command...), '\n')
	escape := escapes(f.Command, v)
	for i := range f.Headers {
		h := &f.Headers[i]
		dst = appendHeader(dst, h.Key, h.Value, v, escape)
	}
	if _, has := f.Lookup("content-length"); len(f.Body) > 0 && !has {
		dst = append(dst, "content-length:"...)
		dst = append(strconv.AppendInt(dst, int64(len(f.Body)), 10), '\n')
	}
	dst = append(dst, '\n')
	dst = append(dst, f.Body...)
	return append(dst, 0)
}

// AppendHeader appends one header line, escaped as version v wants it in any
// frame but CONNECT and CONNECTED, for who puts a frame together by hand.
func AppendHeader[K, V ~string | ~[]byte](dst []byte, key K, value V, v Version) []byte {
	return appendHeader(dst, key, value, v, v != V10)
}

func appendHeader[K, V ~string | ~[]byte](dst []byte, key K, value V, v Version, escape bool) []byte {
	dst = append(appendText(dst, key, v, escape), ':')
	return append(appendText(dst, value, v, escape), '\n')
}

// appendText appends one side of a header. What can't be written in it, a NUL,
// or a line's end where nothing is escaped, becomes a space: it must not end
// the header or the frame.
func appendText[T ~string | ~[]byte](dst []byte, s T, v Version, escape bool) []byte {
	dst = slices.Grow(dst, len(s)+2)
	for i := range len(s) {
		switch c := s[i]; {
		case c == 0, (c == '\n' || c == '\r') && !escape:
			dst = append(dst, ' ')
		case !escape:
			dst = append(dst, c)
		case c == '\\':
			dst = append(dst, '\\', '\\')
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == ':':
			dst = append(dst, '\\', 'c')
		case c == '\r' && v == V12:
			dst = append(dst, '\\', 'r')
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// H makes headers of key and value in turn.
func H(keysAndValues ...string) []Header {
	headers := make([]Header, 0, len(keysAndValues)/2)
	for i := 0; i+1 < len(keysAndValues); i += 2 {
		headers = append(headers, Header{Key: []byte(keysAndValues[i]), Value: []byte(keysAndValues[i+1])})
	}
	return headers
}
