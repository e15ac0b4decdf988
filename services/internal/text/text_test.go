package text

import "testing"

func TestLine(t *testing.T) {
	for in, want := range map[string]string{
		"Mina":                "Mina",
		"  미나 \t":             "미나",
		"\u3000보드게임\u3000":    "보드게임",
		"👩\u200d💻":            "👩\u200d💻",
		"Zoe\u0301":           "Zoe\u0301",
		"مينا\u200f":          "مينا\u200f",
		"two\nlines":          "",
		"Mi\x00na":            "",
		"next\u0085line":      "",
		"line\u2028separator": "",
		"turned\u202egnp.exe": "",
		"isolated\u2066x":     "",
		"":                    "",
		"   ":                 "",
		"\u3000\u00a0\u2003":  "",
		"\u200b\u200d":        "",
		"\u3164\u115f\u1160":  "",
		"\u0301":              "",
	} {
		got, err := Line(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v, want %q", in, got, err, want)
		}
	}
}
