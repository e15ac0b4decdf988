// Package rooms is what realtime and message both have to know of rooms and their messages.
package rooms

// JSONBytes is at least how many bytes encoding/json makes of a string: up to six of one, as in \u003c.
func JSONBytes(s string) int {
	n := len(s) + len(`""`)
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ', c == '<', c == '>', c == '&':
			n += len(`\u003c`) - 1
		case c == '"', c == '\\':
			n++
		case c == 0xe2: // U+2028 and U+2029 begin with it.
			n += len(`\u2028`) - 3
		}
	}
	return n
}
