package token

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"moim.dev/moim/services/internal/problem"
)

// auth answers with its keys, without a network, so that time may stand still.
type auth struct{ keys []JWK }

func (a *auth) RoundTrip(*http.Request) (*http.Response, error) {
	body, err := json.Marshal(JWKS{Keys: a.keys})
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body))}, err
}

func TestTokensThatWereFoundGood(t *testing.T) {
	for name, test := range map[string]struct {
		then func(a *auth)
		wait time.Duration
		want string
	}{
		"go on being good":                       {func(*auth) {}, time.Minute, ""},
		"end with their time":                    {func(*auth) {}, Lifetime + leeway + time.Second, problem.CodeTokenExpired},
		"are good within the leeway":             {func(*auth) {}, Lifetime + leeway/2, ""},
		"end with their key":                     {func(a *auth) { a.keys = nil }, keysMaxAge + time.Second, problem.CodeUnauthenticated},
		"end with another key under the same id": {func(a *auth) { a.keys = []JWK{newKey(t)} }, keysMaxAge + time.Second, problem.CodeUnauthenticated},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				public, private, err := ed25519.GenerateKey(nil)
				if err != nil {
					t.Fatal(err)
				}
				a := &auth{[]JWK{NewJWK("k1", public)}}
				v := NewVerifier(&http.Client{Transport: a}, none)
				raw, err := Sign(User{ID: "mina", Session: "s1"}, private, "k1", time.Now())
				if err != nil {
					t.Fatal(err)
				}
				for range 2 {
					if _, err := v.Verify(t.Context(), raw); err != nil {
						t.Fatal(err)
					}
				}
				test.then(a)
				time.Sleep(test.wait)
				user, err := v.Verify(t.Context(), raw)
				if (err != nil || test.want != "") && problem.From(err).Code != test.want {
					t.Errorf("got %v, want %q", err, test.want)
				}
				if err == nil && user.ID != "mina" {
					t.Errorf("got %+v", user)
				}
			})
		})
	}
}

func newKey(t *testing.T) JWK {
	t.Helper()
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return NewJWK("k1", public)
}

func TestTokensAreRememberedWithinBounds(t *testing.T) {
	c := newChecked()
	for n := range checkedSize + 10 {
		c.add([32]byte{byte(n), byte(n >> 8), byte(n >> 16)}, checkedToken{user: User{Expires: time.Now().Add(time.Hour)}})
	}
	if len(c.seen) > checkedSize {
		t.Errorf("%d tokens are remembered, want %d at most", len(c.seen), checkedSize)
	}
}

func BenchmarkVerify(b *testing.B) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		b.Fatal(err)
	}
	v := NewVerifier(&http.Client{Transport: &auth{[]JWK{NewJWK("k1", public)}}}, none)
	raw, err := Sign(User{ID: "mina", Session: "s1"}, private, "k1", time.Now())
	if err != nil {
		b.Fatal(err)
	}
	for name, forget := range map[string]bool{"first": true, "again": false} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if forget {
					clear(v.checked.seen)
				}
				if _, err := v.Verify(context.Background(), raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
