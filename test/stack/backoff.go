package stack

import "time"

// backoff is how long to wait before a program that died is started again: not at all, then 1 s, twice as long each time, at most 30 s.
type backoff struct{ last time.Duration }

func (b *backoff) next(ran time.Duration) time.Duration {
	switch {
	case ran >= time.Minute:
		*b = backoff{}
		return 0
	case b.last == 0:
		b.last = time.Second / 2
		return 0
	}
	b.last = min(2*b.last, 30*time.Second)
	return b.last
}

func in(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return " in " + d.String()
}
