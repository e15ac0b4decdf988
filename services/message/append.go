package main

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"moim.dev/moim/services/internal/problem"
)

const (
	// maxContent is the most characters of a message.
	maxContent = 4000
	// maxKey is the most bytes of an idempotency key.
	maxKey = 64
)

// NewMessage is a message that is to be appended.
type NewMessage struct {
	RoomID     string `json:"roomId"`
	SenderID   string `json:"senderId"`
	SenderName string `json:"senderName,omitempty" doc:"Not used: the name is the token's."`
	Content    string `json:"content"`
	Key        string `json:"key" doc:"Appending a message again with the same room, sender and key changes nothing."`
	SentAt     string `json:"sentAt,omitempty" doc:"Not used: the log's own clock counts."`
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
		Messages []NewMessage      `json:"messages"`
		Tokens   map[string]string `json:"tokens" doc:"The access token of each sender."`
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

// author is who a sender turned out to be.
type author struct {
	name    string
	refusal *problem.Error
}

// lookups bounds how many senders of a batch are verified at once: each may need a look at the state store.
const lookups = 32

// authors verifies each sender's token: that realtime says who sent a message is not enough.
func (l *log) authors(ctx context.Context, tokens map[string]string) map[string]author {
	authors := make(map[string]author, len(tokens))
	if len(tokens) == 1 {
		for id, raw := range tokens {
			authors[id] = l.author(ctx, id, raw)
		}
		return authors
	}
	ids, found := make([]string, 0, len(tokens)), make([]author, len(tokens))
	var group errgroup.Group
	group.SetLimit(lookups)
	for id, raw := range tokens {
		i := len(ids)
		ids = append(ids, id)
		group.Go(func() error {
			found[i] = l.author(ctx, id, raw)
			return nil
		})
	}
	_ = group.Wait() // None of them returns an error.
	for i, id := range ids {
		authors[id] = found[i]
	}
	return authors
}

func (l *log) author(ctx context.Context, id, raw string) author {
	user, err := l.tokens.Verify(ctx, raw)
	switch {
	case err != nil:
		return author{refusal: problem.From(err)}
	case user.ID != id:
		return author{refusal: errNotTheSender}
	case !text(user.ID) || !text(user.Name):
		return author{refusal: errNoText}
	}
	return author{name: user.Name}
}

var (
	errNoToken      = problem.Unauthenticated(problem.CodeUnauthenticated, "there is no access token of the sender")
	errNotTheSender = problem.Forbidden(problem.CodeForbidden, "the access token is not the sender's")
	errNoText       = problem.Forbidden(problem.CodeForbidden, "the access token names somebody whose name is no text")

	errRoomID  = rule("roomId: expected the id of a room")
	errEmpty   = rule("content: expected at least one character")
	errTooLong = rule("content: expected 4,000 characters at most")
	errContent = rule("content: expected text without NUL")
	errKey     = rule("idempotency-key: expected 1 to 64 bytes of text without NUL")
)

func rule(text string) *problem.Error { return problem.New(422, problem.CodeValidation, "%s", text) }

// read takes a message over, or says which rule it breaks.
func (e *entry) read(m *NewMessage, authors map[string]author) *problem.Error {
	author, known := authors[m.SenderID]
	if !known {
		return errNoToken
	}
	if author.refusal != nil {
		return author.refusal
	}
	room, err := uuid.Parse(m.RoomID)
	switch {
	case err != nil:
		return errRoomID
	case m.Content == "":
		return errEmpty
	case len(m.Content) > maxContent && utf8.RuneCountInString(m.Content) > maxContent:
		return errTooLong
	case !text(m.Content):
		return errContent
	case m.Key == "" || len(m.Key) > maxKey || !text(m.Key):
		return errKey
	}
	e.Message = Message{
		RoomID: room, Type: typeMessage, SenderID: m.SenderID, SenderName: author.name, Content: m.Content, Key: m.Key,
	}
	return nil
}

// text says whether PostgreSQL stores s as text.
func text(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }
