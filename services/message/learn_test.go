package main

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"moim.dev/moim/services/internal/problem"
)

// hanging is a neighbour that never answers.
type hanging struct{}

func (hanging) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// However many senders are unknown, a batch waits for chat only once.
func TestLearnIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &log{call: &http.Client{Transport: hanging{}}}
		entries := make([]*entry, 5*questions)
		for i := range entries {
			entries[i] = &entry{Message: Message{RoomID: uuid.New(), SenderID: fmt.Sprint("user-", i)}}
		}
		began := time.Now()
		members, err := l.learn(t.Context(), entries)
		if err != nil || len(members) > 0 {
			t.Errorf("%d members, %v", len(members), err)
		}
		if took := time.Since(began); took != askTimeout {
			t.Errorf("took %s, want %s", took, askTimeout)
		}
		for _, e := range entries {
			if e.result.Code != problem.CodeUnavailable {
				t.Fatalf("%s is refused as %q, want %s", e.SenderID, e.result.Code, problem.CodeUnavailable)
			}
		}
	})
}
