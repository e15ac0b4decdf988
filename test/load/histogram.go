package load

import (
	"math"
	"math/bits"
	"time"
)

// A bucket is at most 1/16 wider than its lower end: 16 for each power of two microseconds.
const (
	bucketBits = 4
	buckets    = 40 << bucketBits
)

// Histogram counts durations from 1 µs to days with an error of at most 6 %. The zero value is ready. It isn't safe for concurrent use.
type Histogram struct {
	counts [buckets]uint32
	count  uint64
	max    time.Duration
}

// Record adds n equal durations.
func (h *Histogram) Record(d time.Duration, n uint32) {
	h.counts[bucketOf(d)] += n
	h.count += uint64(n)
	h.max = max(h.max, d)
}

// Merge adds what another histogram has.
func (h *Histogram) Merge(other *Histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.count += other.count
	h.max = max(h.max, other.max)
}

// Count is how many durations were recorded.
func (h *Histogram) Count() uint64 { return h.count }

// Quantile is a duration that the part q (0–1) of those recorded don't exceed; 0 when there are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.count == 0 {
		return 0
	}
	rank := max(uint64(math.Ceil(q*float64(h.count))), 1)
	var seen uint64
	for i, n := range h.counts {
		if seen += uint64(n); seen >= rank {
			return min(upperEnd(i), h.max)
		}
	}
	return h.max
}

func bucketOf(d time.Duration) int {
	us := uint64(max(d.Microseconds(), 0))
	if us < 1<<bucketBits {
		return int(us)
	}
	shift := bits.Len64(us) - 1 - bucketBits
	return min((shift<<bucketBits)+int(us>>shift), buckets-1)
}

// upperEnd is the first duration that is too long for a bucket.
func upperEnd(bucket int) time.Duration {
	if bucket < 2<<bucketBits {
		return time.Duration(bucket+1) * time.Microsecond
	}
	shift := bucket>>bucketBits - 1
	return time.Duration(bucket-shift<<bucketBits+1) << shift * time.Microsecond
}
