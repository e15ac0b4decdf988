package token

import (
	"crypto/ed25519"
	"crypto/sha256"
	"sync"
	"time"
)

// checkedSize bounds how many tokens are remembered; beyond it, what has expired is thrown out, or everything.
const checkedSize = 50_000

// checked remembers tokens whose signature was found good, by their hash: whoever sends much sends the same token again and again,
// and a signature takes longer to check than everything else of a request.
type checked struct {
	mu   sync.RWMutex
	seen map[[sha256.Size]byte]checkedToken
}

type checkedToken struct {
	user  User
	keyID string
	key   ed25519.PublicKey
}

func newChecked() *checked { return &checked{seen: map[[sha256.Size]byte]checkedToken{}} }

func (c *checked) find(hash [sha256.Size]byte) (t checkedToken, known bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	t, known = c.seen[hash]
	return t, known
}

func (c *checked) add(hash [sha256.Size]byte, t checkedToken) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.seen) >= checkedSize {
		for h, old := range c.seen {
			if time.Now().After(old.user.Expires) {
				delete(c.seen, h)
			}
		}
		if len(c.seen) >= checkedSize {
			clear(c.seen)
		}
	}
	c.seen[hash] = t
}
