package main

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"moim.dev/moim/services/internal/problem"
	"moim.dev/moim/services/internal/token"
)

const (
	// maxContent is the most characters of a message.
	maxContent = 4000
	// maxKey is the most bytes of an idempotency key.
	maxKey = 64
	// codeNotAMember refuses who may not write or read in a room.
	codeNotAMember = "not_a_member"
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
		Messages []NewMessage      `json:"messages" minItems:"1" maxItems:"2000"`
		Tokens   map[string]string `json:"tokens" doc:"The access token of each sender."`
	}
}

type appendOutput struct {
	Body struct {
		Results []Result `json:"results" nullable:"false"`
	}
}

// entry is a message on its way into the log.
type entry struct {
	Message
	result *Result
}

// append stores what can be stored of a batch, in one commit, and says for each message what became of it.
func (l *log) append(ctx context.Context, in *appendInput) (*appendOutput, error) {
	out := &appendOutput{}
	out.Body.Results = make([]Result, len(in.Body.Messages))
	authors := l.authors(ctx, in.Body.Tokens)
	entries := make([]*entry, 0, len(in.Body.Messages))
	for i := range in.Body.Messages {
		m, result := &in.Body.Messages[i], &out.Body.Results[i]
		author, given := authors[m.SenderID]
		if !given {
			result.refuse(problem.Unauthenticated(problem.CodeUnauthenticated, "the sender's access token is needed"))
			continue
		}
		if author.refusal != nil {
			if author.refusal.Code == problem.CodeUnavailable {
				return nil, author.refusal // To be asked again, whole; nothing has been stored yet.
			}
			result.refuse(author.refusal)
			continue
		}
		room, refusal := m.check()
		if refusal != nil {
			result.refuse(refusal)
			continue
		}
		entries = append(entries, &entry{result: result, Message: Message{
			RoomID: room, Type: typeMessage, SenderID: m.SenderID, SenderName: author.user.Name, Content: m.Content, Key: m.Key,
		}})
	}
	if err := l.store(ctx, entries); err != nil {
		return nil, err
	}
	return out, nil
}

func (r *Result) refuse(p *problem.Error) { r.Code, r.Detail = p.Code, p.Detail }

// author is who a sender turned out to be.
type author struct {
	user    token.User
	refusal *problem.Error
}

// authors verifies each sender's token: that realtime says who sent a message is not enough.
func (l *log) authors(ctx context.Context, tokens map[string]string) map[string]author {
	authors := make(map[string]author, len(tokens))
	for id, raw := range tokens {
		user, err := l.tokens.Verify(ctx, raw)
		a := author{user: user}
		if err != nil {
			a.refusal = problem.From(err)
		} else if user.ID != id {
			a.refusal = problem.Forbidden(problem.CodeForbidden, "the access token is not the sender's")
		}
		authors[id] = a
	}
	return authors
}

// check says which rule a message breaks.
func (m *NewMessage) check() (uuid.UUID, *problem.Error) {
	refuse := func(rule string) (uuid.UUID, *problem.Error) {
		return uuid.Nil, problem.New(422, problem.CodeValidation, "%s", rule)
	}
	room, err := uuid.Parse(m.RoomID)
	switch {
	case err != nil:
		return refuse("roomId: expected the id of a room")
	case strings.TrimSpace(m.Content) == "":
		return refuse("content: expected at least one character that is no white space")
	case utf8.RuneCountInString(m.Content) > maxContent:
		return refuse("content: expected 4,000 characters at most")
	case !utf8.ValidString(m.Content) || strings.ContainsRune(m.Content, 0):
		return refuse("content: expected UTF-8 without NUL")
	case m.Key == "" || len(m.Key) > maxKey || !utf8.ValidString(m.Key) || strings.ContainsRune(m.Key, 0):
		return refuse("idempotency-key: expected 1 to 64 bytes of text")
	}
	return room, nil
}
