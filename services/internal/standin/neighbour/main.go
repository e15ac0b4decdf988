// Command neighbour stands in for auth in tests of other services: it publishes a key that the test signs access tokens with, and
// shows the events that the service under test published.
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"

	"github.com/gin-gonic/gin"

	"moim.dev/moim/services/internal/app"
	"moim.dev/moim/services/internal/events"
	"moim.dev/moim/services/internal/token"
)

type config struct {
	// Key is the public half of the key, in base64.
	Key   string `env:"MOIM_STANDIN_KEY,required"`
	KeyID string `env:"MOIM_STANDIN_KEY_ID,required"`
	// Events and Fanout are the topics to receive, by pub/sub component.
	Events []string `env:"MOIM_STANDIN_EVENTS"`
	Fanout []string `env:"MOIM_STANDIN_FANOUT"`
}

func main() { app.Main("auth", run) }

// received is an event as the test is shown it.
type received struct {
	ID    string          `json:"id"`
	Topic string          `json:"topic"`
	Data  json.RawMessage `json:"data"`
}

func run(_ context.Context, a *app.App, cfg *config) error {
	key, err := base64.StdEncoding.DecodeString(cfg.Key)
	if err != nil {
		return fmt.Errorf("read key: %w", err)
	}
	a.Router.GET("/api/auth/.well-known/jwks.json", func(c *gin.Context) {
		c.JSON(http.StatusOK, token.JWKS{Keys: []token.JWK{token.NewJWK(cfg.KeyID, key)}})
	})

	var mu sync.Mutex
	all := []received{}
	for component, topics := range map[string][]string{app.PubSubEvents: cfg.Events, app.PubSubFanout: cfg.Fanout} {
		for _, topic := range topics {
			a.Subscribe(events.Subscription{PubSub: component, Topic: topic, Handle: func(_ context.Context, e events.Event) error {
				mu.Lock()
				defer mu.Unlock()
				all = append(all, received{e.ID, e.Topic, e.Data})
				return nil
			}})
		}
	}
	a.Router.GET("/received", func(c *gin.Context) {
		mu.Lock()
		defer mu.Unlock()
		c.JSON(http.StatusOK, all)
	})
	return nil
}
