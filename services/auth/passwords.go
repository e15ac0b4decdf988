package main

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"runtime"

	"golang.org/x/crypto/argon2"
)

// Parameters of argon2id, as the OWASP password storage cheat sheet gives them: 19 MiB, two passes, one lane.
const (
	argonMemory = 19 << 10 // KiB
	argonTime   = 2
	argonLanes  = 1
	saltBytes   = 16
	hashBytes   = 32
)

// passwords hashes and checks passwords, no more at once than there are processors: each takes memory, and more would only wait.
type passwords struct {
	turns chan struct{}
	// decoy is checked for users that do not exist, so that the time an answer takes does not say so.
	decoy string
}

func newPasswords() *passwords {
	p := &passwords{turns: make(chan struct{}, runtime.GOMAXPROCS(0))}
	p.decoy = encode(rand.Text())
	return p
}

// hash makes what is stored of a password, in the PHC string format.
func (p *passwords) hash(ctx context.Context, password string) (string, error) {
	if err := p.turn(ctx); err != nil {
		return "", err
	}
	defer func() { <-p.turns }()
	return encode(password), nil
}

// check says whether the password is the stored one. An empty stored hash is never matched, in the same time.
func (p *passwords) check(ctx context.Context, stored, password string) (bool, error) {
	if err := p.turn(ctx); err != nil {
		return false, err
	}
	defer func() { <-p.turns }()
	known := stored != ""
	if !known {
		stored = p.decoy
	}
	same, err := matches(stored, password)
	return same && known, err
}

func (p *passwords) turn(ctx context.Context) error {
	select {
	case p.turns <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for a turn to hash: %w", ctx.Err())
	}
}

func encode(password string) string {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // Never fails.
	sum := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonLanes, hashBytes)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonLanes,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(sum))
}

// matches recomputes with the parameters that the stored hash names, which may be older ones.
func matches(stored, password string) (bool, error) {
	var version, lanes int
	var memory, time uint32
	var rest string
	if _, err := fmt.Sscanf(stored, "$argon2id$v=%d$m=%d,t=%d,p=%d$%s", &version, &memory, &time, &lanes, &rest); err != nil {
		return false, fmt.Errorf("read stored hash: %w", err)
	}
	var salt, want []byte
	for i := range rest {
		if rest[i] == '$' {
			salt, _ = base64.RawStdEncoding.DecodeString(rest[:i])
			want, _ = base64.RawStdEncoding.DecodeString(rest[i+1:])
		}
	}
	if version != argon2.Version || len(salt) == 0 || len(want) == 0 || lanes < 1 || lanes > 255 {
		return false, fmt.Errorf("the stored hash is malformed")
	}
	got := argon2.IDKey([]byte(password), salt, time, memory, uint8(lanes), uint32(len(want))) //nolint:gosec // Both are small.
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}
