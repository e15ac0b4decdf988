package main

import "time"

// bucket is a token bucket.
type bucket struct {
	tokens float64
	at     int64
}

// take takes a token, if there is one. The bucket fills at rate a second up to burst.
func (b *bucket) take(now int64, rate, burst float64) bool {
	b.tokens = min(burst, b.tokens+rate*time.Duration(now-b.at).Seconds())
	b.at = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
