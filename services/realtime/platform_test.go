package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"moim.dev/moim/services/internal/events"
	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/rooms"
	"moim.dev/moim/services/internal/token"
)

// Rooms of the tests.
const (
	roomR       = "0192f0c1-0000-7000-8000-000000000001"
	roomQ       = "0192f0c1-0000-7000-8000-000000000002"
	roomOthers  = "0192f0c1-0000-7000-8000-000000000003" // of which nobody is a member
	roomFull    = "0192f0c1-0000-7000-8000-000000000004" // which nobody can enter
	roomNowhere = "0192f0c1-0000-7000-8000-000000000005" // which does not exist
)

// platform stands for the other services, as the contracts say they answer: chat, message with its log in memory, and the
// broker. It is the http.RoundTripper of the servers under test.
type platform struct {
	mu      sync.Mutex
	rooms   map[string][]json.RawMessage
	keys    map[string]int64     // seq by room and key
	members map[membership]int64 // version; positive: member, negative: has left
	tokens  map[string]token.User
	servers []*server

	// Faults, to be set under mu.
	loseEvents  bool // events don't arrive
	failAppends int  // so many appends fail, after storing
	refuse      func(path string) bool
	undecided   func(sender string) bool
	hold        chan struct{}  // appends wait until it is closed
	calls       map[string]int // by path
	batches     []int
}

func newPlatform() *platform {
	return &platform{
		rooms: map[string][]json.RawMessage{}, keys: map[string]int64{}, members: map[membership]int64{},
		tokens: map[string]token.User{}, calls: map[string]int{},
	}
}

// stored is a message as the message service writes it.
type stored struct {
	RoomID     string    `json:"roomId"`
	Seq        int64     `json:"seq"`
	Type       string    `json:"type"`
	SenderID   string    `json:"senderId"`
	SenderName string    `json:"senderName"`
	Content    string    `json:"content"`
	Key        string    `json:"key"`
	SentAt     time.Time `json:"sentAt"`
}

func (p *platform) user(id string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	raw := "token-" + id
	p.tokens[raw] = token.User{ID: id, Name: strings.ToUpper(id), Session: "session-" + id, Expires: time.Now().Add(token.Lifetime)}
	return raw
}

// set changes what is to go wrong.
func (p *platform) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

// called is how often a path was called.
func (p *platform) called(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[path]
}

func (p *platform) join(room string, users ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rooms[room] == nil {
		p.rooms[room] = []json.RawMessage{}
	}
	for _, user := range users {
		v := p.members[membership{room, user}]
		p.members[membership{room, user}] = max(v, -v) + 1
	}
}

func (p *platform) verify(_ context.Context, raw string) (token.User, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	u, ok := p.tokens[raw]
	if !ok {
		return u, problem.Unauthenticated(problem.CodeUnauthenticated, "the access token is not valid")
	}
	return u, nil
}

// write appends a message to a room's log and answers it. The caller holds mu.
func (p *platform) write(item appendItem, name string) json.RawMessage {
	seq := int64(len(p.rooms[item.RoomID])) + 1
	body, _ := json.Marshal(stored{item.RoomID, seq, "MESSAGE", item.SenderID, name, item.Content, item.Key, time.Now().UTC()})
	p.rooms[item.RoomID] = append(p.rooms[item.RoomID], body)
	p.keys[item.RoomID+"/"+item.Key] = seq
	return body
}

// say writes messages to a room's log, with their events.
func (p *platform) say(room string, contents ...string) {
	p.mu.Lock()
	var bodies []json.RawMessage
	for _, content := range contents {
		bodies = append(bodies, p.write(appendItem{RoomID: room, SenderID: "someone", Content: content, Key: "said-" + strconv.Itoa(len(p.keys))}, "Someone"))
	}
	lose := p.loseEvents
	p.mu.Unlock()
	if !lose {
		p.publish("message.log.appended", map[string]any{"messages": bodies})
	}
}

// publish has every server handle an event.
func (p *platform) publish(topic string, data any) {
	b, err := json.Marshal(data)
	if err != nil {
		panic(err)
	}
	p.mu.Lock()
	servers := slices.Clone(p.servers)
	p.mu.Unlock()
	for _, s := range servers {
		handle := map[string]events.Handler{
			"message.log.appended": s.messagesAppended, "chat.member.left": s.memberLeft, "auth.session.revoked": s.sessionsRevoked,
		}[topic]
		if err := handle(context.Background(), events.Event{Topic: topic, Data: b}); err != nil {
			panic(err)
		}
	}
}

// leave ends a membership.
func (p *platform) leave(room, user string) {
	p.mu.Lock()
	v := p.members[membership{room, user}] + 1
	p.members[membership{room, user}] = -v
	lose := p.loseEvents
	p.mu.Unlock()
	if !lose {
		p.publish("chat.member.left", map[string]any{"roomId": room, "userId": user, "version": v})
	}
}

// RoundTrip implements http.RoundTripper.
func (p *platform) RoundTrip(req *http.Request) (*http.Response, error) {
	path := req.URL.Host + req.URL.Path
	p.mu.Lock()
	p.calls[path]++
	refused := p.refuse != nil && p.refuse(path)
	p.mu.Unlock()
	w := httptest.NewRecorder()
	if refused {
		problem.Write(w, problem.Unavailable("down"), "")
		return w.Result(), nil
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET chat/internal/rooms/{room}/members/{user}", p.member)
	mux.HandleFunc("PUT chat/api/chat/rooms/{room}/members/me", p.enterLeave)
	mux.HandleFunc("DELETE chat/api/chat/rooms/{room}/members/me", p.enterLeave)
	mux.HandleFunc("POST message/internal/append", p.append)
	mux.HandleFunc("POST message/internal/heads", p.heads)
	mux.HandleFunc("GET message/internal/rooms/{room}/messages", p.messages)
	in := req.Clone(req.Context())
	in.Host = req.URL.Host
	if in.Body == nil {
		in.Body = http.NoBody
	}
	mux.ServeHTTP(w, in)
	return w.Result(), nil
}

func answer(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }

func (p *platform) member(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rooms[r.PathValue("room")] == nil {
		problem.Write(w, problem.NotFound(problem.CodeNotFound, "no such room"), "")
		return
	}
	v := p.members[membership{r.PathValue("room"), r.PathValue("user")}]
	answer(w, map[string]any{"member": v > 0, "version": max(v, -v)})
}

func (p *platform) enterLeave(w http.ResponseWriter, r *http.Request) {
	user, err := p.verify(r.Context(), token.Bearer(r.Header.Get("Authorization")))
	if err != nil {
		problem.Write(w, err, "")
		return
	}
	room := r.PathValue("room")
	if room == roomFull {
		problem.Write(w, problem.Conflict("room_full", "The room has 5 of 5 members."), "")
		return
	}
	if r.Method == http.MethodDelete {
		p.leave(room, user.ID)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	p.join(room, user.ID)
	answer(w, map[string]any{"entered": true})
}

// maxBody is what a sidecar passes on, in bytes.
const maxBody = 4 << 20

func (p *platform) append(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength > maxBody {
		http.Error(w, `{"errorCode":"ERR_DIRECT_INVOKE"}`, http.StatusInternalServerError)
		return
	}
	var in struct {
		Messages []appendItem `json:"messages"`
		Tokens   []string     `json:"tokens"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		problem.Write(w, problem.BadRequest(problem.CodeBadRequest, "%s", err), "")
		return
	}
	p.mu.Lock()
	hold := p.hold
	p.mu.Unlock()
	if hold != nil {
		<-hold
	}
	p.mu.Lock()
	p.batches = append(p.batches, len(in.Messages))
	var results []map[string]any
	var bodies []json.RawMessage
	for _, item := range in.Messages {
		seq, again := p.keys[item.RoomID+"/"+item.Key]
		sender, good := p.tokens[in.Tokens[item.Token]]
		switch {
		case !good || sender.ID != item.SenderID:
			results = append(results, map[string]any{"code": problem.CodeUnauthenticated, "detail": "no token"})
		case p.undecided != nil && p.undecided(item.SenderID):
			results = append(results, map[string]any{"code": problem.CodeUnavailable, "detail": "chat is away"})
		case p.members[membership{item.RoomID, item.SenderID}] <= 0:
			results = append(results, map[string]any{"code": rooms.ErrNotAMember.Code, "detail": "you are not a member of this room"})
		case again:
			results = append(results, map[string]any{"seq": seq})
		default:
			body := p.write(item, sender.Name)
			bodies = append(bodies, body)
			results = append(results, map[string]any{"seq": p.keys[item.RoomID+"/"+item.Key], "message": body})
		}
	}
	lose, fail := p.loseEvents, p.failAppends > 0
	if fail {
		p.failAppends--
	}
	p.mu.Unlock()
	if len(bodies) > 0 && !lose {
		p.publish("message.log.appended", map[string]any{"messages": bodies})
	}
	if fail {
		problem.Write(w, problem.Unavailable("killed after the commit"), "")
		return
	}
	answer(w, map[string]any{"results": results})
}

func (p *platform) heads(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Rooms []string `json:"rooms"`
	}
	_ = json.NewDecoder(r.Body).Decode(&in)
	p.mu.Lock()
	defer p.mu.Unlock()
	heads := map[string]int{}
	for _, room := range in.Rooms {
		heads[room] = len(p.rooms[room])
	}
	answer(w, map[string]any{"heads": heads})
}

func (p *platform) messages(w http.ResponseWriter, r *http.Request) {
	after, _ := strconv.Atoi(r.URL.Query().Get("after"))
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	p.mu.Lock()
	defer p.mu.Unlock()
	log := p.rooms[r.PathValue("room")]
	items := log[min(after, len(log)):]
	answer(w, map[string]any{"items": items[:min(limit, len(items))], "head": len(log)})
}
