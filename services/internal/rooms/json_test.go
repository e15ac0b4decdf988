package rooms

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestJSONBytes(t *testing.T) {
	for name, test := range map[string]struct {
		text  string
		exact bool
	}{
		"nothing":            {"", true},
		"ASCII":              {"hello", true},
		"Korean":             {"안녕하세요", true},
		"an emoji":           {"😀", true},
		"quotes":             {`"\"`, true},
		"markup":             {"<b>&amp;</b>", true},
		"control characters": {"\x00\x01\x1f\x7f", true},
		"lines and tabs":     {"a\nb\r\tc\b\f", false},
		"line separators":    {"\u2028\u2029", true},
		"their neighbours":   {"…–€", false},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Repeat(test.text, 100)
			b, err := json.Marshal(text)
			if err != nil {
				t.Fatal(err)
			}
			if n := JSONBytes(text); n < len(b) || test.exact && n > len(b) {
				t.Errorf("%d bytes, and encoding/json makes %d", n, len(b))
			}
		})
	}
}

func BenchmarkJSONBytes(b *testing.B) {
	text := strings.Repeat("안녕 ", 15)
	for b.Loop() {
		JSONBytes(text)
	}
}
