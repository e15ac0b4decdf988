// Package text checks what people write for others to read in one line: names and titles.
package text

import (
	"errors"
	"strings"
	"unicode"
)

var (
	errEmpty = errors.New("expected at least one visible character")
	errLine  = errors.New("expected a line of text, without control characters or such that turn its direction")
)

// Line returns s without the blanks around it, or, for whoever wrote it, which rule it breaks.
func Line(s string) (string, error) {
	s = strings.TrimSpace(s)
	visible := false
	for _, r := range s {
		if unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control) && r != '\u200e' && r != '\u200f' {
			return "", errLine
		}
		visible = visible || unicode.IsGraphic(r) && !unicode.IsSpace(r) && !blank(r)
	}
	if !visible {
		return "", errEmpty
	}
	return s, nil
}

// blank says whether a letter or symbol is drawn as nothing: the fillers of Hangul, and the empty pattern of Braille.
func blank(r rune) bool {
	switch r {
	case '\u115f', '\u1160', '\u3164', '\uffa0', '\u2800':
		return true
	}
	return unicode.Is(unicode.M, r)
}
