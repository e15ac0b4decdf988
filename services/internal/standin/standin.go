// Package standin runs a service on real parts for its tests, with a stand-in for auth: the test says who the users are, publishes
// the events that the service receives, and sees those that it publishes.
package standin

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"moim.dev/moim/services/internal/app"
	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/saga"
	"moim.dev/moim/services/internal/token"
	"moim.dev/moim/test/stack"
)

const keyID = "test"

// Options say what to run.
type Options struct {
	// Service is the service under test.
	Service stack.Service
	// Neighbours are what else it needs.
	Neighbours []stack.Service
	// Events and Fanout are the topics whose events the test wants to see, besides the saga's answers.
	Events, Fanout []string
}

// Platform is a service under test and what it needs.
type Platform struct {
	*stack.Stack
	app  string
	key  ed25519.PrivateKey
	http *http.Client
}

// Start runs the service until the test ends.
func Start(t *testing.T, o Options) *Platform {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	neighbour := stack.Service{App: "auth", Package: "./services/internal/standin/neighbour", Env: map[string]string{
		"MOIM_STANDIN_KEY":    base64.StdEncoding.EncodeToString(public),
		"MOIM_STANDIN_KEY_ID": keyID,
		"MOIM_STANDIN_EVENTS": strings.Join(append(o.Events, saga.TopicResponse), ","),
		"MOIM_STANDIN_FANOUT": strings.Join(o.Fanout, ","),
	}}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 1000
	t.Cleanup(transport.CloseIdleConnections)
	return &Platform{
		Stack: stack.ForTest(t, stack.Options{Services: append([]stack.Service{neighbour, o.Service}, o.Neighbours...)}),
		app:   o.Service.App,
		key:   private,
		http:  &http.Client{Transport: transport, Timeout: 30 * time.Second},
	}
}

// Token returns an access token. Tokens of one user are of one session.
func (p *Platform) Token(t *testing.T, userID string, roles ...string) string {
	t.Helper()
	return p.Sign(t, token.User{ID: userID, Name: userID, Roles: roles, Session: "session"}, time.Now())
}

// Sign returns an access token as auth would have issued it then.
func (p *Platform) Sign(t *testing.T, user token.User, issued time.Time) string {
	t.Helper()
	raw, err := token.Sign(user, p.key, keyID, issued)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// Request is a call of the service under test, as its sidecar passes it on.
type Request struct {
	Method, Path string
	// Token is the access token, empty for none.
	Token string
	// Caller is the app id that the sidecar says the call comes from.
	Caller string
	Header map[string]string
	// Body is sent as it is if it is a string, else as JSON; nil for none.
	Body any
	// App is what to call, Replica which one of it. Empty means the service under test.
	App     string
	Replica int
}

// Do calls the service and decodes the answer into out, if it is not nil. An answer of status 400 and above is a *problem.Error.
func (p *Platform) Do(ctx context.Context, r Request, out any) (status int, err error) {
	var body io.Reader
	switch b := r.Body.(type) {
	case nil:
	case string:
		body = strings.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			return 0, fmt.Errorf("encode request: %w", err)
		}
		body = bytes.NewReader(raw)
	}
	replica := fmt.Sprintf("%s-%d", cmp.Or(r.App, p.app), r.Replica)
	req, err := http.NewRequestWithContext(ctx, r.Method, "http://"+p.Addr(replica)+r.Path, body)
	if err != nil {
		return 0, fmt.Errorf("make request: %w", err)
	}
	for name, value := range r.Header {
		req.Header.Set(name, value)
	}
	req.Header.Set("dapr-api-token", p.AppToken(replica))
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.Token != "" {
		req.Header.Set("Authorization", "Bearer "+r.Token)
	}
	if r.Caller != "" {
		req.Header.Set("dapr-caller-app-id", r.Caller)
	}
	return p.send(req, out)
}

func (p *Platform) send(req *http.Request, out any) (status int, err error) {
	resp, err := p.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return resp.StatusCode, fmt.Errorf("read answer: %w", err)
	}
	if resp.StatusCode >= http.StatusBadRequest {
		refusal := new(problem.Error)
		if err := json.Unmarshal(answer, refusal); err != nil || refusal.Code == "" {
			return resp.StatusCode, fmt.Errorf("status %d with %q instead of a problem", resp.StatusCode, answer)
		}
		return resp.StatusCode, refusal
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			return resp.StatusCode, fmt.Errorf("decode answer %q: %w", answer, err)
		}
	}
	return resp.StatusCode, nil
}

// Publish publishes an event as auth. Each has an id of its own, but for a repetition, which is given that of the first.
func (p *Platform) Publish(t *testing.T, topic string, data any, repetitionOf ...string) (id string) {
	t.Helper()
	id = uuid.NewString()
	if len(repetitionOf) > 0 {
		id = repetitionOf[0]
	}
	p.tell(t, "/v1.0/publish/events/"+topic+"?metadata.cloudevent.id="+url.QueryEscape(id), data)
	return id
}

// Revoke ends a session, as auth does.
func (p *Platform) Revoke(t *testing.T, session string) {
	t.Helper()
	p.tell(t, "/v1.0/state/"+app.StateStore, []map[string]any{{"key": token.RevokedKey(session), "value": true}})
}

// tell has auth's sidecar do something.
func (p *Platform) tell(t *testing.T, path string, body any) {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	addr, daprToken := p.Sidecar("auth-0")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+path, bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("dapr-api-token", daprToken)
	if _, err := p.send(req, nil); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// Metric is the stack's Metric.
func (p *Platform) Metric(t *testing.T, replica, series string) int {
	t.Helper()
	n, err := p.Stack.Metric(t.Context(), replica, series)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
