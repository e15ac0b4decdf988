package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"
	"time"
)

// lockAPI calls the lock API of a chat replica's sidecar, as the service does, and returns the answer's one field.
func (c *chat) lockAPI(t *testing.T, call string, body map[string]any) (success bool) {
	t.Helper()
	addr, token := c.Sidecar("chat-0")
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+"/v1.0-alpha1/"+call+"/lock", bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("dapr-api-token", token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct{ Success bool }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", call, resp.Status, err)
	}
	return answer.Success
}

func (c *chat) testQueue(t *testing.T) {
	host, guest := c.user(t, "queue-host"), c.user(t, "queue-guest")
	room := c.create(t, host, "Queue", 2).ID
	lock := map[string]any{"resourceId": lockOf(room), "lockOwner": "test", "expiryInSeconds": 60}

	if !c.lockAPI(t, "lock", lock) {
		t.Fatal("the lock is taken")
	}
	began := time.Now()
	c.call(t, join(guest, room, 0), nil)
	if took := time.Since(began); took < lockWait || took >= lockWait+queueWait {
		t.Errorf("a join while somebody else held the lock took %s, want %s and little more", took, lockWait)
	}
	c.call(t, leave(guest, room), nil)

	c.lockAPI(t, "unlock", lock)
	began = time.Now()
	c.call(t, join(guest, room, 0), nil)
	if took := time.Since(began); took >= lockWait {
		t.Errorf("a join with the lock free took %s", took)
	}
	if !c.lockAPI(t, "lock", lock) {
		t.Error("a join leaves the lock taken")
	}
}
