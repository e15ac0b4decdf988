package main

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"

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

// stale says whether a stored hash was made with other parameters than those above.
func (p *passwords) stale(stored string) bool { return !strings.HasPrefix(stored, prefix) }

var prefix = fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$", argon2.Version, argonMemory, argonTime, argonLanes)

func encode(password string) string {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // Never fails.
	sum := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonLanes, hashBytes)
	return prefix + base64.RawStdEncoding.EncodeToString(salt) + "$" + base64.RawStdEncoding.EncodeToString(sum)
}

var errMalformed = errors.New("the stored hash is malformed")

// matches computes the hash again, with the parameters that the stored one names, which may be older ones.
func matches(stored, password string) (bool, error) {
	parts := strings.Split(stored, "$") // "", "argon2id", version, parameters, salt, sum
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return false, errMalformed
	}
	var memory, time uint32
	var lanes uint8
	_, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &time, &lanes)
	salt, saltErr := base64.RawStdEncoding.DecodeString(parts[4])
	want, sumErr := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || saltErr != nil || sumErr != nil || len(salt) == 0 || len(want) == 0 || time == 0 || lanes == 0 {
		return false, errMalformed
	}
	got := argon2.IDKey([]byte(password), salt, time, memory, lanes, uint32(len(want))) //nolint:gosec // A hash has some dozens of bytes.
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}
