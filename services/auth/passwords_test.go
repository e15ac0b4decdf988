package main

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestPasswordHashes(t *testing.T) {
	p := newPasswords()
	today, err := p.hash(t.Context(), "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(today, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("%s is not argon2id with OWASP's parameters", today)
	}
	again, err := p.hash(t.Context(), "correct horse battery")
	if err != nil || again == today {
		t.Errorf("two hashes of one password: %s, %s, %v; want different salts", today, again, err)
	}
	// The reference implementation's: echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1
	const reference = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"

	for name, c := range map[string]struct {
		stored, password string
		want, stale      bool
		err              error
	}{
		"the password":                               {today, "correct horse battery", true, false, nil},
		"another password":                           {today, "correct horse batterx", false, false, nil},
		"an empty password":                          {today, "", false, false, nil},
		"a hash with other parameters":               {reference, "password", true, true, nil},
		"another password for such a hash":           {reference, "passwore", false, true, nil},
		"no such user":                               {"", "correct horse battery", false, true, nil},
		"a hash of another kind":                     {"$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1a", "x", false, true, errMalformed},
		"a hash without its sum":                     {"$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$", "x", false, true, errMalformed},
		"a hash with parameters that can't be":       {"$argon2id$v=19$m=65536,t=0,p=1$c29tZXNhbHQ$CTFhFdXPJO1a", "x", false, true, errMalformed},
		"something that is no hash":                  {"password", "password", false, true, errMalformed},
		"a hash that is cut off in its parameters":   {"$argon2id$v=19$m=65536$c29tZXNhbHQ$CTFhFdXPJO1a", "x", false, true, errMalformed},
		"a hash whose salt is not written in base64": {"$argon2id$v=19$m=65536,t=2,p=1$!$CTFhFdXPJO1a", "x", false, true, errMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := p.check(t.Context(), c.stored, c.password)
			if got != c.want || !errors.Is(err, c.err) {
				t.Errorf("check: %v, %v; want %v, %v", got, err, c.want, c.err)
			}
			if p.stale(c.stored) != c.stale {
				t.Errorf("stale: %v, want %v", !c.stale, c.stale)
			}
		})
	}
}

func TestHashesWaitForTheirTurn(t *testing.T) {
	p := newPasswords()
	for range cap(p.turns) {
		p.turns <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := p.hash(ctx, "correct horse battery")
		done <- err
	}()
	select {
	case err := <-done:
		t.Fatalf("a hash did not wait: %v", err)
	default:
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("whoever has gone still waits: %v", err)
	}
	<-p.turns
	if _, err := p.hash(t.Context(), "correct horse battery"); err != nil {
		t.Errorf("a turn that is free: %v", err)
	}
}
