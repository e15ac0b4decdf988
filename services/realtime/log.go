package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"

	"moim.dev/moim/services/internal/invoke"
)

const (
	// pageSize is how many messages of history are read at once.
	pageSize = 200
	// logReads bounds the reads of history that are under way at once: after a restart many clients catch up together.
	logReads = 32
	// headsPerCall bounds the rooms that one call asks the heads of.
	headsPerCall = 1000
)

// messageLog reads the log of the message service.
type messageLog struct {
	call  *http.Client
	reads chan struct{}

	mu      sync.Mutex
	waiting map[string][]chan headAnswer
	asking  bool
}

type headAnswer struct {
	head int64
	err  error
}

func newMessageLog(call *http.Client) *messageLog {
	return &messageLog{call: call, reads: make(chan struct{}, logReads), waiting: map[string][]chan headAnswer{}}
}

// page reads the first messages after a seq, in order, and the log's head.
func (l *messageLog) page(ctx context.Context, room string, after int64) (messages []*message, head int64, err error) {
	select {
	case l.reads <- struct{}{}:
		defer func() { <-l.reads }()
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
	var answer struct {
		Items []*message `json:"items"`
		Head  int64      `json:"head"`
	}
	address := "http://message/internal/rooms/" + url.PathEscape(room) + "/messages?after=" +
		strconv.FormatInt(after, 10) + "&limit=" + strconv.Itoa(pageSize)
	err = retry(ctx, func(ctx context.Context) error {
		return invoke.JSON(ctx, l.call, http.MethodGet, address, nil, &answer)
	})
	if err != nil {
		return nil, 0, fmt.Errorf("read log: %w", err)
	}
	for i, m := range answer.Items {
		if m.room != room || m.seq != after+1+int64(i) {
			return nil, 0, fmt.Errorf("read log of %s after %d: item %d is message %d of %s", room, after, i, m.seq, m.room)
		}
	}
	return answer.Items, answer.Head, nil
}

// heads asks for the last seq of each room, 0 for rooms without messages.
func (l *messageLog) heads(ctx context.Context, rooms []string) (map[string]int64, error) {
	var answer struct {
		Heads map[string]int64 `json:"heads"`
	}
	in := struct {
		Rooms []string `json:"rooms"`
	}{rooms}
	if err := invoke.JSON(ctx, l.call, http.MethodPost, "http://message/internal/heads", in, &answer); err != nil {
		return nil, fmt.Errorf("ask heads: %w", err)
	}
	return answer.Heads, nil
}

// head asks for the last seq of one room, together with all who ask while another call is under way. What it answers was
// read after head was called.
func (l *messageLog) head(ctx context.Context, room string) (int64, error) {
	answer := make(chan headAnswer, 1)
	l.mu.Lock()
	l.waiting[room] = append(l.waiting[room], answer)
	if !l.asking {
		l.asking = true
		go l.askHeads(context.WithoutCancel(ctx))
	}
	l.mu.Unlock()
	select {
	case a := <-answer:
		return a.head, a.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// askHeads asks until nobody waits any more.
func (l *messageLog) askHeads(ctx context.Context) {
	for {
		asked := map[string][]chan headAnswer{}
		l.mu.Lock()
		for room, answers := range l.waiting {
			if len(asked) == headsPerCall {
				break
			}
			asked[room] = answers
			delete(l.waiting, room)
		}
		l.asking = len(asked) > 0
		l.mu.Unlock()
		if len(asked) == 0 {
			return
		}
		rooms := make([]string, 0, len(asked))
		for room := range asked {
			rooms = append(rooms, room)
		}
		var heads map[string]int64
		err := retry(ctx, func(ctx context.Context) (err error) {
			heads, err = l.heads(ctx, rooms)
			return err
		})
		for room, answers := range asked {
			for _, answer := range answers {
				answer <- headAnswer{heads[room], err}
			}
		}
	}
}
