package standin

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"moim.dev/moim/services/internal/saga"
)

// patience is how long an event may take before it is missing: one that an outage held up comes late.
const patience = 20 * time.Second

// Received returns the data of all events of a topic that were received so far and that match.
func Received[T any](t *testing.T, p *Platform, topic string, match func(T) bool) []T {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.Addr("auth-0")+"/received", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("dapr-api-token", p.AppToken("auth-0"))
	var all []struct {
		ID, Topic string
		Data      json.RawMessage
	}
	if _, err := p.send(req, &all); err != nil {
		t.Fatalf("look at received events: %v", err)
	}
	seen, found := map[string]bool{}, []T{}
	for _, e := range all {
		if e.Topic != topic || seen[e.ID] { // A broker may deliver twice.
			continue
		}
		seen[e.ID] = true
		var data T
		if err := json.Unmarshal(e.Data, &data); err != nil {
			t.Fatalf("event %s of %s: %v", e.ID, topic, err)
		}
		if match(data) {
			found = append(found, data)
		}
	}
	return found
}

// Await waits until as many events of a topic that match were received, and returns them.
func Await[T any](t *testing.T, p *Platform, topic string, count int, match func(T) bool) []T {
	t.Helper()
	var found []T
	Eventually(t, func() bool {
		found = Received(t, p, topic, match)
		return len(found) >= count
	}, "%d events of %s", count, topic)
	return found
}

// Eventually waits until something is so.
func Eventually(t *testing.T, so func() bool, what string, args ...any) {
	t.Helper()
	for deadline := time.Now().Add(patience); !so(); {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s in vain for "+what, append([]any{patience}, args...)...)
		}
		select {
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Ask publishes a request of the signup saga and returns what the service under test answered.
func (p *Platform) Ask(t *testing.T, sagaID, status, userID, userName string) (answer string) {
	t.Helper()
	before := len(p.answers(t, sagaID, status))
	p.Publish(t, saga.TopicRequest, saga.Request{
		EventID: sagaID, Date: time.Now().UTC(), UserStatus: status, UserID: userID, UserName: userName,
	})
	Eventually(t, func() bool { return len(p.answers(t, sagaID, status)) > before }, "the answer to %s of %s", status, userID)
	return p.answers(t, sagaID, status)[before].UserResponseStatus
}

func (p *Platform) answers(t *testing.T, sagaID, status string) []saga.Response {
	t.Helper()
	return Received(t, p, saga.TopicResponse, func(r saga.Response) bool {
		return r.EventID == sagaID && r.UserStatus == status && r.ServiceName == p.app
	})
}
