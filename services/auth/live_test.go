package main

import (
	"testing"
	"time"

	"moim.dev/moim/test/client"
)

// followsSettings: what is set applies to what begins from then on, at both replicas, and its removal brings back what was.
func (f *fixture) followsSettings(t *testing.T) {
	pids := []int{f.PID("auth-0"), f.PID("auth-1")}
	// Each at an address of its own, so that limits count apart.
	replicas := func() []client.Client {
		return []client.Client{f.at(t, "auth-0", newAddress()), f.at(t, "auth-1", newAddress())}
	}
	// refused is what a signup comes to that a participant refuses.
	refused := func(c client.Client) Record {
		records := signUp(t, c, newID("customer-fail")).mustRest(t)
		return records[len(records)-1]
	}
	both := func(what string, condition func(c client.Client) bool) {
		t.Helper()
		eventually(t, 20*time.Second, what, func() bool {
			for _, c := range replicas() {
				if !condition(c) {
					return false
				}
			}
			return true
		})
	}

	if r := refused(replicas()[0]); r.Status != partial {
		t.Fatalf("before anything is set a refused signup is %s, want %s", r.Status, partial)
	}
	f.RedisCommand(t, "MSET", "signup.mode", "strict||1", "signup.timeout", "45s||1", "limits.loginsPerAddress", "2||1")
	both("strict", func(c client.Client) bool { r := refused(c); return r.Status == failed && r.Services["auth"] == undone })
	both("given 45 s", func(c client.Client) bool {
		left := time.Until(signUp(t, c, newID("mina")).mustNext(t).Deadline)
		return left > 40*time.Second && left <= 45*time.Second
	})
	both("limited to two logins", func(c client.Client) bool {
		var codes [3]string
		for i := range codes {
			_, err := c.LogIn(t.Context(), newID("nobody"), password)
			codes[i] = client.Code(err)
		}
		return codes == [3]string{"invalid_credentials", "invalid_credentials", "rate_limited"}
	})

	f.RedisCommand(t, "DEL", "signup.mode", "signup.timeout", "limits.loginsPerAddress")
	both("as it was", func(c client.Client) bool {
		return refused(c).Status == partial && time.Until(signUp(t, c, newID("mina")).mustNext(t).Deadline) <= sagaTimeout
	})
	if now := []int{f.PID("auth-0"), f.PID("auth-1")}; now[0] != pids[0] || now[1] != pids[1] {
		t.Errorf("a replica has been restarted: processes %v, were %v", now, pids)
	}
}
