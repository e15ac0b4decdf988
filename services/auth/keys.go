package main

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"moim.dev/moim/services/internal/every"
	"moim.dev/moim/services/internal/token"
)

const (
	// keyLead is how long a key is published before it signs: longer than anybody keeps an old set.
	keyLead = 10 * time.Minute
	// keyLag is how long it is published after its successor has taken over: longer than a token lasts.
	keyLag = token.Lifetime + time.Minute
	// keyLoad is how often each replica looks at the keys.
	keyLoad = time.Minute
)

// signingKey is one key pair.
type signingKey struct {
	id         string
	private    ed25519.PrivateKey
	activeFrom time.Time
}

// keys are the keys that sign access tokens. They live in the database, sealed, so that all replicas sign with the same.
type keys struct {
	db       *pgxpool.Pool
	seal     cipher.AEAD
	rotation time.Duration

	mu  sync.RWMutex
	all []signingKey // The newest first.
}

// newKeys loads the keys, and makes the first one. The secret is 32 bytes in base64.
func newKeys(ctx context.Context, db *pgxpool.Pool, secret string, rotation time.Duration) (*keys, error) {
	raw, err := base64.StdEncoding.DecodeString(secret)
	if err != nil || len(raw) != 32 {
		return nil, errors.New("the key keySecret of secret auth must be 32 bytes in base64")
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return nil, fmt.Errorf("seal of keys: %w", err)
	}
	seal, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("seal of keys: %w", err)
	}
	k := &keys{db: db, seal: seal, rotation: rotation}
	return k, k.load(ctx, time.Now())
}

// run loads and rotates keys until the context ends.
func (k *keys) run(ctx context.Context) error {
	return every.Run(ctx, keyLoad, "signing keys not loaded, the known ones go on", func(ctx context.Context) error { return k.load(ctx, time.Now()) })
}

// load reads all keys, after making the next one when it is time and dropping those that no token can be signed with any more.
func (k *keys) load(ctx context.Context, now time.Time) error {
	var all []signingKey
	err := pgx.BeginFunc(ctx, k.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('auth.signing_keys'))`); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT id, sealed, active_from FROM signing_keys ORDER BY active_from DESC, id`)
		if err != nil {
			return err
		}
		var id string
		var sealed []byte
		var from time.Time
		_, err = pgx.ForEachRow(rows, []any{&id, &sealed, &from}, func() error {
			seed, err := k.seal.Open(nil, sealed[:k.seal.NonceSize()], sealed[k.seal.NonceSize():], []byte(id))
			if err != nil {
				return fmt.Errorf("signing key %s cannot be opened with this keySecret", id)
			}
			all = append(all, signingKey{id, ed25519.NewKeyFromSeed(seed), from})
			return nil
		})
		if err != nil {
			return err
		}
		switch {
		case len(all) == 0:
			all, err = k.make(ctx, tx, all, now)
		case now.After(all[0].activeFrom.Add(k.rotation - keyLead)):
			all, err = k.make(ctx, tx, all, now.Add(keyLead))
		}
		if err != nil {
			return err
		}
		for i := 1; i < len(all); i++ {
			if now.After(all[i-1].activeFrom.Add(keyLag)) {
				var gone []string
				for _, key := range all[i:] {
					gone = append(gone, key.id)
				}
				all = all[:i]
				_, err := tx.Exec(ctx, `DELETE FROM signing_keys WHERE id = ANY($1)`, gone)
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("load signing keys: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.all = all
	return nil
}

func (k *keys) make(ctx context.Context, tx pgx.Tx, all []signingKey, from time.Time) ([]signingKey, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	id := uuid.NewString()
	nonce := make([]byte, k.seal.NonceSize())
	_, _ = rand.Read(nonce) // Never fails.
	sealed := k.seal.Seal(nonce, nonce, private.Seed(), []byte(id))
	_, err = tx.Exec(ctx, `INSERT INTO signing_keys (id, public, sealed, active_from) VALUES ($1, $2, $3, $4)`, id, []byte(public), sealed, from)
	if err != nil {
		return nil, err
	}
	return slices.Insert(all, 0, signingKey{id, private, from}), nil
}

// sign makes an access token.
func (k *keys) sign(u token.User, now time.Time) (string, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	for _, key := range k.all {
		if !key.activeFrom.After(now) {
			return token.Sign(u, key.private, key.id, now)
		}
	}
	return token.Sign(u, k.all[len(k.all)-1].private, k.all[len(k.all)-1].id, now) // The clock went back.
}

// public is what others verify tokens with.
func (k *keys) public() token.JWKS {
	k.mu.RLock()
	defer k.mu.RUnlock()
	set := token.JWKS{Keys: []token.JWK{}}
	for _, key := range k.all {
		set.Keys = append(set.Keys, token.NewJWK(key.id, key.private.Public().(ed25519.PublicKey)))
	}
	return set
}
