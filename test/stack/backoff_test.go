package stack

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestBackoff(t *testing.T) {
	const brief, long = time.Second, 2 * time.Minute
	for name, test := range map[string]struct {
		ran  []time.Duration // how long the program ran before each of its deaths
		want []time.Duration
	}{
		"starts again at once the first time":       {[]time.Duration{brief}, []time.Duration{0}},
		"waits twice as long each time, up to 30 s": {[]time.Duration{0, 0, 0, 0, 0, 0, 0, 0}, []time.Duration{0, 1e9, 2e9, 4e9, 8e9, 16e9, 30e9, 30e9}},
		"forgets the deaths before a long run":      {[]time.Duration{0, 0, 0, long, 0}, []time.Duration{0, 1e9, 2e9, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			var b backoff
			var got []time.Duration
			for _, ran := range test.ran {
				got = append(got, b.next(ran))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("waits (-want +got):\n%s", diff)
			}
		})
	}
}
