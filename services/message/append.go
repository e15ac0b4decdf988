package main

import (
	"context"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/rooms"
)

// appendTimeout bounds an append; realtime waits a little longer for its answer.
const appendTimeout = 4 * time.Second

// NewMessage is a message that is to be appended.
type NewMessage struct {
	RoomID   string `json:"roomId"`
	SenderID string `json:"senderId"`
	Token    int    `json:"token" doc:"The place of the sender's access token in tokens, from 0 on."`
	Content  string `json:"content"`
	Key      string `json:"key" doc:"Appending a message again with the same room, sender and key changes nothing; with other content it is refused."`
}

// Result says what became of a message: its place, or why it was refused.
type Result struct {
	Seq int64 `json:"seq,omitempty"`
	// Message spares realtime the wait for the event.
	Message *Message `json:"message,omitempty" doc:"As it stands in the log; absent when it was there before."`
	Code    string   `json:"code,omitempty"`
	Detail  string   `json:"detail,omitempty"`
}

type appendInput struct {
	Body struct {
		Messages []NewMessage `json:"messages"`
		Tokens   []string     `json:"tokens" doc:"The senders' access tokens; a sender with several sessions has several."`
	}
}

type appendOutput struct {
	Body struct {
		Results []Result `json:"results" nullable:"false" doc:"In the order of the messages."`
	}
}

// entry is a message on its way into the log, and what becomes of it.
type entry struct {
	Message
	result Result
	// unknown says that nobody here knows the sender as a member of the room; asked that chat does, or did a moment ago.
	unknown, asked bool
}

func (e *entry) refuse(p *problem.Error) { e.result.Code, e.result.Detail = p.Code, p.Detail }

// append stores what can be stored of a batch and says for each message what became of it. What cannot be decided about some of them
// keeps none of the others.
func (l *log) append(ctx context.Context, in *appendInput) (*appendOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	authors := l.authors(ctx, in.Body.Tokens)
	entries := make([]entry, len(in.Body.Messages))
	valid := make([]*entry, 0, len(entries))
	for i := range entries {
		if refusal := entries[i].read(&in.Body.Messages[i], authors); refusal != nil {
			entries[i].refuse(refusal)
			continue
		}
		valid = append(valid, &entries[i])
	}
	if err := l.store(ctx, valid); err != nil {
		return nil, err
	}
	out := &appendOutput{}
	out.Body.Results = make([]Result, len(entries))
	for i := range entries {
		out.Body.Results[i] = entries[i].result
	}
	return out, nil
}

// author is whose an access token turned out to be.
type author struct {
	id, name string
	refusal  *problem.Error
}

// lookups bounds how many tokens of a batch are verified at once: each may need a look at the state store.
const lookups = 32

// authors verifies tokens: that realtime says who sent a message is not enough.
func (l *log) authors(ctx context.Context, tokens []string) []author {
	authors := make([]author, len(tokens))
	if len(tokens) == 1 {
		authors[0] = l.author(ctx, tokens[0])
		return authors
	}
	var group errgroup.Group
	group.SetLimit(lookups)
	for i, raw := range tokens {
		group.Go(func() error {
			authors[i] = l.author(ctx, raw)
			return nil
		})
	}
	_ = group.Wait() // None of them returns an error.
	return authors
}

func (l *log) author(ctx context.Context, raw string) author {
	user, err := l.tokens.Verify(ctx, raw)
	switch {
	case err != nil:
		return author{refusal: problem.From(err)}
	case !rooms.Text(user.ID) || !rooms.Text(user.Name):
		return author{refusal: errNoText}
	}
	return author{id: user.ID, name: user.Name}
}

var (
	errNoToken      = problem.Unauthenticated(problem.CodeUnauthenticated, "there is no access token of the sender")
	errNotTheSender = problem.Forbidden(problem.CodeForbidden, "the access token is not the sender's")
	errNoText       = problem.Forbidden(problem.CodeForbidden, "the access token names somebody whose name is no text")

	errRoomID = rule("roomId", "expected the id of a room")
)

func rule(field, text string) *problem.Error {
	return problem.New(422, problem.CodeValidation, "%s: %s", field, text)
}

// read takes a message over, or says which rule it breaks.
func (e *entry) read(m *NewMessage, authors []author) *problem.Error {
	if m.Token < 0 || m.Token >= len(authors) {
		return errNoToken
	}
	author := &authors[m.Token]
	if author.refusal != nil {
		return author.refusal
	}
	if author.id != m.SenderID {
		return errNotTheSender
	}
	room, err := uuid.Parse(m.RoomID)
	if err != nil {
		return errRoomID
	}
	if broken := rooms.ContentRule(m.Content); broken != "" {
		return rule("content", broken)
	}
	if broken := rooms.KeyRule(m.Key); broken != "" {
		return rule("idempotency-key", broken)
	}
	e.Message = Message{
		RoomID: room, Type: typeMessage, SenderID: m.SenderID, SenderName: author.name, Content: m.Content, Key: m.Key,
	}
	return nil
}
