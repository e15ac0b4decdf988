package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"moim.dev/moim/test/stack"
)

// TestFollowsSettings changes the limit of an address while the gateway runs.
func TestFollowsSettings(t *testing.T) {
	s := stack.ForTest(t, stack.Options{Services: []stack.Service{{App: "gateway", Env: map[string]string{"MOIM_RATE_PER_ADDRESS": "1000"}}}})
	pid := s.PID("gateway-0")
	// refused is how many of 20 requests at once are refused.
	refused := func() (n int) {
		for range 20 {
			resp, err := http.Get(s.URL() + "/api/nothing/x")
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			switch resp.StatusCode {
			case http.StatusTooManyRequests:
				n++
			case http.StatusNotFound:
			default:
				t.Fatalf("answered %s", resp.Status)
			}
		}
		return n
	}
	await := func(what string, condition func(refused int) bool) {
		t.Helper()
		deadline := time.Now().Add(20 * time.Second)
		for n := refused(); !condition(n); n = refused() {
			if time.Now().After(deadline) {
				t.Fatalf("%s: %d of 20 requests are refused", what, n)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	if n := refused(); n != 0 {
		t.Fatalf("%d of 20 requests are refused at 1000 a second", n)
	}
	s.RedisCommand(t, "SET", "limits.requestsPerAddress", "1||1")
	await("one a second", func(refused int) bool { return refused >= 15 })
	s.RedisCommand(t, "SET", "limits.requestsPerAddress", "none||2")
	const metric = `moim_settings_changes_total{key="limits.requestsPerAddress",result="refused"} 1`
	deadline := time.Now().Add(20 * time.Second)
	for !strings.Contains(get(t, "http://"+s.AdminAddr("gateway-0")+"/metrics"), metric) {
		if time.Now().After(deadline) {
			t.Fatal("the bad value is not refused")
		}
		time.Sleep(20 * time.Millisecond)
	}
	if n := refused(); n < 15 {
		t.Errorf("after a bad value: %d of 20 requests are refused, want what the last good one does", n)
	}
	s.RedisCommand(t, "DEL", "limits.requestsPerAddress")
	await("1000 a second again", func(refused int) bool { return refused == 0 })
	if now := s.PID("gateway-0"); now != pid {
		t.Errorf("the gateway has been restarted: process %d, was %d", now, pid)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
