package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"moim.dev/moim/services/internal/postgres"
	"moim.dev/moim/services/internal/token"
)

// scratch is a schema of the test's own with auth's tables.
func (f *fixture) scratch(t *testing.T) *pgxpool.Pool {
	t.Helper()
	schema := strings.ReplaceAll(newID("scratch"), "-", "_")
	db, err := postgres.Open(t.Context(), f.DSN("postgres"), schema, 8)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	if err := postgres.Migrate(t.Context(), db, "auth", migrations); err != nil {
		t.Fatal(err)
	}
	return db
}

func newSecret() string {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	return base64.StdEncoding.EncodeToString(secret)
}

// rotatesKeys follows two replicas through three lives of a key, with a clock of the test's own: whatever one signs, who has fetched
// the keys from the other within five minutes can verify.
func (f *fixture) rotatesKeys(t *testing.T) {
	db, secret := f.scratch(t), newSecret()
	const rotation = 6 * time.Hour
	start := time.Now()
	var replicas []*keys
	for range 2 {
		k, err := newKeys(t.Context(), db, secret, rotation)
		if err != nil {
			t.Fatal(err)
		}
		replicas = append(replicas, k)
	}
	if diff := cmp.Diff(replicas[0].public(), replicas[1].public()); diff != "" {
		t.Fatalf("the replicas began with different keys:\n%s", diff)
	}
	type signed struct {
		raw     string
		expires time.Time
	}
	var tokens []signed
	used, most := map[string]bool{}, 0
	var fetched [6]token.JWKS // What a verifier may still believe, one for each of the last minutes.
	for minute := range 3 * int(rotation/time.Minute) {
		now := start.Add(time.Duration(minute) * time.Minute)
		replica := replicas[minute%2]
		if err := replica.load(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		fetched[minute%len(fetched)] = replica.public()
		most = max(most, len(replica.public().Keys))
		if minute < len(fetched) {
			continue
		}
		raw, err := replicas[minute/2%2].sign(token.User{ID: "mina", Session: "s"}, now)
		if err != nil {
			t.Fatal(err)
		}
		used[keyID(t, raw)] = true
		tokens = append(tokens, signed{raw, now.Add(token.Lifetime)})
		for len(tokens) > 0 && tokens[0].expires.Before(now.Add(time.Second)) {
			tokens = tokens[1:]
		}
		for _, set := range fetched {
			if !verifies(set, raw, now) {
				t.Fatalf("minute %d: who has fetched the keys lately cannot verify a new token", minute)
			}
		}
		if !verifies(replica.public(), tokens[0].raw, now) {
			t.Fatalf("minute %d: a token is not verified that is valid still", minute)
		}
	}
	if len(used) != 3 || most != 2 {
		t.Errorf("in three lives of a key %d keys signed, and %d were published at once; want 3 and 2", len(used), most)
	}
}

func keyID(t *testing.T, raw string) string {
	t.Helper()
	parsed, _, err := jwt.NewParser().ParseUnverified(raw, jwt.MapClaims{})
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Header["kid"].(string)
}

func verifies(set token.JWKS, raw string, now time.Time) bool {
	_, err := jwt.Parse(raw, func(t *jwt.Token) (any, error) {
		for _, k := range set.Keys {
			if k.KeyID == t.Header["kid"] {
				x, err := base64.RawURLEncoding.DecodeString(k.X)
				return ed25519.PublicKey(x), err
			}
		}
		return nil, jwt.ErrTokenUnverifiable
	}, jwt.WithTimeFunc(func() time.Time { return now }))
	return err == nil
}

func (f *fixture) sealsKeys(t *testing.T) {
	db, secret := f.scratch(t), newSecret()
	if _, err := newKeys(t.Context(), db, secret, time.Hour); err != nil {
		t.Fatal(err)
	}
	if _, err := newKeys(t.Context(), db, newSecret(), time.Hour); err == nil || !strings.Contains(err.Error(), "cannot be opened with this keySecret") {
		t.Errorf("with another secret: %v", err)
	}
	if _, err := newKeys(t.Context(), db, "c2hvcnQ=", time.Hour); err == nil || !strings.Contains(err.Error(), "32 bytes") {
		t.Errorf("with a secret that is too short: %v", err)
	}
}

func (f *fixture) publishesKeys(t *testing.T) {
	c, other := f.both(t)
	var sets []token.JWKS
	for _, base := range []string{c.Base, other.Base} {
		resp, err := http.Get(base + "/api/auth/.well-known/jwks.json")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || strings.Contains(string(body), `"d"`) {
			t.Fatalf("%s, %v", body, err)
		}
		var set token.JWKS
		if err := json.Unmarshal(body, &set); err != nil {
			t.Fatal(err)
		}
		sets = append(sets, set)
	}
	if diff := cmp.Diff(sets[0], sets[1]); diff != "" || len(sets[0].Keys) != 1 {
		t.Errorf("the replicas publish %v:\n%s", sets, diff)
	}
	s := login(t, c, newUser(t, c))
	if !verifies(sets[1], s.Access, time.Now()) {
		t.Error("what one replica signs the other's keys do not verify")
	}
}
