package token

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"moim.dev/moim/services/internal/invoke"
	"moim.dev/moim/services/internal/problem"
)

type issuer struct {
	private ed25519.PrivateKey
	fetched atomic.Int32
	down    atomic.Bool
	call    *http.Client
}

// newIssuer serves a key as auth does, behind what a sidecar is to a service.
func newIssuer(t *testing.T) *issuer {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{private: private}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.fetched.Add(1)
		if i.down.Load() || r.URL.Path != "/v1.0/invoke/auth/method/api/auth/.well-known/jwks.json" {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(JWKS{Keys: []JWK{NewJWK("k1", public)}})
	}))
	t.Cleanup(server.Close)
	i.call = invoke.NewClient(strings.TrimPrefix(server.URL, "http://"), "", "")
	return i
}

func (i *issuer) sign(t *testing.T, u User, keyID string, now time.Time) string {
	t.Helper()
	raw, err := Sign(u, i.private, keyID, now)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func none(context.Context, string) (bool, error) { return false, nil }

func TestVerify(t *testing.T) {
	iss := newIssuer(t)
	mina := User{ID: "mina", Name: "Mina", Roles: []string{RoleAdmin}, Session: "s1"}
	good := iss.sign(t, mina, "k1", time.Now())
	_, foreign, _ := ed25519.GenerateKey(nil)
	forged, err := Sign(mina, foreign, "k1", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	unsigned, err := jwt.NewWithClaims(jwt.SigningMethodNone, jwt.MapClaims{
		"sub": "mina", "sid": "s1", "iss": Issuer, "aud": Issuer, "exp": time.Now().Add(time.Hour).Unix(),
	}).SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	v := NewVerifier(iss.call, func(_ context.Context, session string) (bool, error) {
		if session == "unknown" {
			return false, errors.New("the state store is down")
		}
		return session == "ended", nil
	})
	for name, test := range map[string]struct{ raw, want string }{
		"a good token":                       {good, ""},
		"no token":                           {"", problem.CodeUnauthenticated},
		"no token at all but text":           {"abc", problem.CodeUnauthenticated},
		"a token signed by somebody else":    {forged, problem.CodeUnauthenticated},
		"a token that is not signed":         {unsigned, problem.CodeUnauthenticated},
		"a key that auth does not have":      {iss.sign(t, mina, "k2", time.Now()), problem.CodeUnauthenticated},
		"a token that has expired":           {iss.sign(t, mina, "k1", time.Now().Add(-Lifetime-time.Minute)), problem.CodeTokenExpired},
		"a session that has ended":           {iss.sign(t, User{ID: "mina", Session: "ended"}, "k1", time.Now()), problem.CodeTokenRevoked},
		"a session that cannot be looked up": {iss.sign(t, User{ID: "mina", Session: "unknown"}, "k1", time.Now()), problem.CodeUnavailable},
		"a token without a session":          {iss.sign(t, User{ID: "mina"}, "k1", time.Now()), problem.CodeUnauthenticated},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := v.Verify(t.Context(), test.raw)
			if test.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				got.Expires = time.Time{}
				if diff := cmp.Diff(mina, got); diff != "" {
					t.Error(diff)
				}
				return
			}
			if p := problem.From(err); err == nil || p.Code != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
	if n := iss.fetched.Load(); n > 2 {
		t.Errorf("keys were fetched %d times; an unknown key id must not make a fetch each", n)
	}
}

func TestVerifyGoesOnWhileAuthIsDown(t *testing.T) {
	iss := newIssuer(t)
	v := NewVerifier(iss.call, none)
	raw := iss.sign(t, User{ID: "mina", Session: "s1"}, "k1", time.Now())
	if _, err := v.Verify(t.Context(), raw); err != nil {
		t.Fatal(err)
	}
	iss.down.Store(true)
	v.keys.mu.Lock()
	v.keys.fetched, v.keys.tried = time.Time{}, time.Time{} // As if the keys were old.
	v.keys.mu.Unlock()
	if _, err := v.Verify(t.Context(), raw); err != nil {
		t.Errorf("a key that is known is not used while auth is down: %v", err)
	}
	cold := NewVerifier(iss.call, none)
	if _, err := cold.Verify(t.Context(), raw); problem.From(err).Code != problem.CodeUnavailable {
		t.Errorf("without any key: %v, want unavailable", err)
	}
}

// Who joins a question that somebody else has asked gets an answer as of then, and no younger.
func TestSessionsKnowHowOldAnAnswerIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		s := newSessions(func(context.Context, string) (bool, error) {
			asked++
			time.Sleep(sessionMaxAge * 9 / 10)
			return asked > 1, nil
		})
		first := make(chan struct{})
		go func() {
			_, _ = s.revoked(t.Context(), "s1")
			close(first)
		}()
		time.Sleep(sessionMaxAge * 8 / 10)
		if _, err := s.revoked(t.Context(), "s1"); err != nil {
			t.Fatal(err)
		}
		<-first
		time.Sleep(sessionMaxAge / 5)
		if revoked, err := s.revoked(t.Context(), "s1"); !revoked || err != nil {
			t.Errorf("revoked %v, %v: the answer was believed for longer than %s", revoked, err, sessionMaxAge)
		}
	})
}

// Requests that come while a new key is being fetched wait for it.
func TestVerifyWaitsForANewKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		public, private, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		auth := &auth{}
		v := NewVerifier(&http.Client{Transport: late{auth}}, none)
		raw, err := Sign(User{ID: "mina", Session: "s1"}, private, "k1", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(t.Context(), raw); err == nil {
			t.Fatal("a key that isn't there verifies")
		}
		auth.keys = []JWK{NewJWK("k1", public)}
		time.Sleep(keysMinAge)
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				if _, err := v.Verify(t.Context(), raw); err != nil {
					t.Error(err)
				}
			})
			time.Sleep(time.Millisecond)
		}
		all.Wait()
	})
}

// late answers after a second.
type late struct{ http.RoundTripper }

func (l late) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(time.Second)
	return l.RoundTripper.RoundTrip(r)
}

// frozen answers nothing until the caller loses patience.
type frozen struct{}

func (frozen) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestVerifyDoesNotWaitForAuthThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		public, private, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		call := &http.Client{Transport: &auth{[]JWK{NewJWK("k1", public)}}}
		v := NewVerifier(call, none)
		raw, err := Sign(User{ID: "mina", Session: "s1"}, private, "k1", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(t.Context(), raw); err != nil {
			t.Fatal(err)
		}
		call.Transport = frozen{}
		time.Sleep(keysMaxAge + time.Second)
		for range 20 {
			began := time.Now()
			if _, err := v.Verify(t.Context(), raw); err != nil {
				t.Fatal(err)
			}
			if waited := time.Since(began); waited > graceTimeout {
				t.Errorf("a request waited %s for keys that it has", waited)
			}
			time.Sleep(keysMinAge / 3)
		}
		time.Sleep(keysTimeout) // The last fetch ends.
	})
}

func TestSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		asked, ended, down := 0, false, false
		s := newSessions(func(context.Context, string) (bool, error) {
			mu.Lock()
			defer mu.Unlock()
			asked++
			if down {
				return false, errors.New("down")
			}
			return ended, nil
		})
		expect := func(when string, wantRevoked, wantErr bool, wantAsked int) {
			t.Helper()
			revoked, err := s.revoked(t.Context(), "s1")
			if revoked != wantRevoked || (err != nil) != wantErr || asked != wantAsked {
				t.Errorf("%s: revoked %v, error %v, asked %d times; want %v, %v, %d", when, revoked, err, asked, wantRevoked, wantErr, wantAsked)
			}
		}
		expect("first", false, false, 1)
		expect("again at once", false, false, 1)
		time.Sleep(sessionMaxAge)
		expect("a second later", false, false, 2)
		down = true
		time.Sleep(sessionMaxAge)
		expect("the store is down", false, false, 3)
		expect("not each request waits for the store", false, false, 3)
		time.Sleep(sessionGrace)
		expect("the store is down for long", false, true, 4)
		down, ended = false, true
		expect("logged out", true, false, 5)
		ended = false
		time.Sleep(time.Hour)
		expect("an end is final", true, false, 5)
	})
}
