package rooms

import (
	"strings"
	"unicode/utf8"
)

const (
	// MaxContent is the most characters of a message.
	MaxContent = 4000
	// MaxKey is the most bytes of an idempotency key.
	MaxKey = 64
)

// ContentRule is the rule that a message's content breaks; empty when it breaks none.
func ContentRule(content string) string {
	switch {
	case content == "", len(content) > MaxContent && utf8.RuneCountInString(content) > MaxContent:
		return "expected 1 to 4,000 characters"
	case !Text(content):
		return "expected text without NUL"
	}
	return ""
}

// KeyRule is the rule that an idempotency key breaks; empty when it breaks none.
func KeyRule(key string) string {
	if key == "" || len(key) > MaxKey || !Text(key) {
		return "expected 1 to 64 bytes of text without NUL"
	}
	return ""
}

// Text says whether PostgreSQL stores s as text.
func Text(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }
