package token

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"moim.dev/moim/services/internal/invoke"
	"moim.dev/moim/services/internal/problem"
)

// KeysURL is where auth publishes its keys, for service invocation.
const KeysURL = "http://auth/api/auth/.well-known/jwks.json"

const (
	// keysMaxAge is how long fetched keys are used: a key that auth has withdrawn stops being valid after it.
	keysMaxAge = 5 * time.Minute
	// keysMinAge is how often an unknown key id may make us ask again.
	keysMinAge = 2 * time.Second
	// keysTimeout bounds a fetch, which requests wait for that have no key; others wait graceTimeout.
	keysTimeout = 5 * time.Second
)

// JWK is a public key (RFC 8037: OKP, Ed25519).
type JWK struct {
	KeyType   string `json:"kty" example:"OKP"`
	Curve     string `json:"crv" example:"Ed25519"`
	X         string `json:"x"`
	KeyID     string `json:"kid"`
	Use       string `json:"use" example:"sig"`
	Algorithm string `json:"alg" example:"EdDSA"`
}

// JWKS is a set of public keys (RFC 7517).
type JWKS struct {
	Keys []JWK `json:"keys" nullable:"false"`
}

// NewJWK describes a public key.
func NewJWK(id string, key ed25519.PublicKey) JWK {
	return JWK{
		KeyType: "OKP", Curve: "Ed25519", X: base64.RawURLEncoding.EncodeToString(key),
		KeyID: id, Use: "sig", Algorithm: "EdDSA",
	}
}

type keySet struct {
	call    *http.Client
	flight  singleflight.Group
	mu      sync.RWMutex
	keys    map[string]ed25519.PublicKey
	fetched time.Time
	tried   time.Time
}

func newKeySet(call *http.Client) *keySet { return &keySet{call: call} }

// key returns the key of that id, fetching the set when it is old or does not have it. Old keys go on being used while auth is down,
// and when it takes long to answer.
func (s *keySet) key(ctx context.Context, id string) (ed25519.PublicKey, error) {
	s.mu.RLock()
	key, known := s.keys[id]
	fresh, tried := time.Since(s.fetched) < keysMaxAge, time.Since(s.tried) < keysMinAge
	s.mu.RUnlock()
	if known && (fresh || tried) {
		return key, nil
	}
	if !known && tried && fresh {
		return nil, unknownKey()
	}
	fetched := s.flight.DoChan("", func() (any, error) { return nil, s.fetch(ctx) })
	if known {
		select {
		case <-fetched:
		case <-time.After(graceTimeout):
			return key, nil
		}
	} else if result := <-fetched; result.Err != nil {
		return nil, problem.Unavailable("tokens cannot be verified at the moment")
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if key, ok := s.keys[id]; ok {
		return key, nil
	}
	return nil, unknownKey()
}

func unknownKey() error {
	return problem.Unauthenticated(problem.CodeUnauthenticated, "the access token is signed with an unknown key")
}

func (s *keySet) fetch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keysTimeout)
	defer cancel()
	var set JWKS
	err := invoke.JSON(ctx, s.call, http.MethodGet, KeysURL, nil, &set)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tried = time.Now() // Not before: who needs a key that is being fetched waits for it.
	if err != nil {
		return fmt.Errorf("fetch keys: %w", err)
	}
	keys := make(map[string]ed25519.PublicKey, len(set.Keys))
	for _, k := range set.Keys {
		x, err := base64.RawURLEncoding.DecodeString(k.X)
		if err == nil && k.Curve == "Ed25519" && len(x) == ed25519.PublicKeySize {
			keys[k.KeyID] = x
		}
	}
	s.keys, s.fetched = keys, s.tried
	return nil
}
