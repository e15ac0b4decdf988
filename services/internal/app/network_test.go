package app

import "testing"

func TestNetwork(t *testing.T) {
	for address, want := range map[string]string{
		"203.0.113.7":              "203.0.113.7",
		"2001:db8:1:2:3:4:5:6":     "2001:db8:1:2::",
		"2001:db8:1:2:ffff::1":     "2001:db8:1:2::",
		"::ffff:203.0.113.7":       "::ffff:203.0.113.7",
		"unknown":                  "unknown",
		"2001:db8:1:3:3:4:5:6%eth": "2001:db8:1:3::",
	} {
		if got := Network(address); got != want {
			t.Errorf("Network(%s) = %s, want %s", address, got, want)
		}
	}
}
