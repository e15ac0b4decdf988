package main

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	dapr "github.com/dapr/go-sdk/client"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"moim.dev/moim/services/internal/outbox"
	"moim.dev/moim/services/internal/postgres"
	"moim.dev/moim/services/internal/token"
	"moim.dev/moim/test/stack"
)

const (
	benchReplicas = 2
	// benchCallers is how many appends are under way at each replica, as two realtime replicas with four lanes each have.
	benchCallers = 4
	benchSenders = 100
)

// BenchmarkAppend appends to a Postgres that waits for the disk, from two replicas whose relays run. It reports messages per
// second, the CPU time that each takes here and in Postgres, and the time that one append takes.
func BenchmarkAppend(b *testing.B) {
	logs, tokens, postmaster := benchLogs(b)
	for _, rooms := range []int{1, 100} {
		for _, size := range []int{1, 10, 100} {
			b.Run(fmt.Sprintf("rooms=%d/batch=%d", rooms, size), func(b *testing.B) {
				ids := benchRooms(b, logs[0], rooms)
				var next, waited atomic.Int64
				var callers sync.WaitGroup
				b.ReportAllocs()
				before := cpu(b, postmaster)
				b.ResetTimer()
				for n := range benchReplicas * benchCallers {
					callers.Go(func() {
						for batch := next.Add(1); batch <= int64(b.N); batch = next.Add(1) {
							in := benchBatch(ids, tokens, int(batch), size)
							began := time.Now()
							out, err := logs[n%benchReplicas].append(b.Context(), in)
							waited.Add(int64(time.Since(began)))
							if err != nil {
								b.Error(err)
								return
							}
							for _, r := range out.Body.Results {
								if r.Seq == 0 {
									b.Error(r.Code, r.Detail)
									return
								}
							}
						}
					})
				}
				callers.Wait()
				b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "messages/s")
				b.ReportMetric(float64((cpu(b, postmaster)-before).Microseconds())/float64(b.N*size), "cpu-µs/message")
				b.ReportMetric(float64(waited.Load())/float64(b.N)/1e6, "ms/append")
			})
		}
	}
}

func benchBatch(rooms []uuid.UUID, tokens map[string]string, batch, size int) *appendInput {
	in := &appendInput{}
	for i := range size {
		sender := fmt.Sprint("sender-", (batch*size+i)%benchSenders)
		in.Body.Tokens = append(in.Body.Tokens, tokens[sender])
		in.Body.Messages = append(in.Body.Messages, NewMessage{
			RoomID: rooms[(batch*size+i)%len(rooms)].String(), SenderID: sender, Token: i, Key: uuid.NewString(), Content: "안녕하세요, how are you today?",
		})
	}
	return in
}

// benchLogs are the logs of replicas in this process, and the tokens of senders. Everything but Postgres is left out.
func benchLogs(b *testing.B) (logs []*log, tokens map[string]string, postmaster int) {
	b.Helper()
	dir, err := os.MkdirTemp("", "moim-bench-")
	if err != nil {
		b.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil { // The user postgres has to be able to enter.
		b.Fatal(err)
	}
	// Not stack.ForTest, whose Postgres does not wait for the disk.
	s, err := stack.Start(b.Context(), stack.Options{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		s.Stop(context.Background())
		_ = os.RemoveAll(dir)
	})

	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		b.Fatal(err)
	}
	keys, err := json.Marshal(token.JWKS{Keys: []token.JWK{token.NewJWK("bench", public)}})
	if err != nil {
		b.Fatal(err)
	}
	call := &http.Client{Transport: answer(keys)}
	tokens = map[string]string{}
	for n := range benchSenders {
		id := fmt.Sprint("sender-", n)
		tokens[id], err = token.Sign(token.User{ID: id, Name: id, Session: id}, private, "bench", time.Now())
		if err != nil {
			b.Fatal(err)
		}
	}

	for range benchReplicas {
		db, err := postgres.Open(b.Context(), s.DSN("postgres"), "message", 10)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(db.Close)
		if err := postgres.Migrate(b.Context(), db, "outbox", outbox.Migrations); err != nil {
			b.Fatal(err)
		}
		if err := postgres.Migrate(b.Context(), db, "message", migrations); err != nil {
			b.Fatal(err)
		}
		out := outbox.New(db, silentBroker{})
		relay, stop := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = out.Run(relay)
		}()
		b.Cleanup(func() {
			stop()
			<-done
		})
		logs = append(logs, newLog(db, out, call, token.NewVerifier(call, func(context.Context, string) (bool, error) { return false, nil })))
	}
	return logs, tokens, s.PID("postgres")
}

// cpu is the CPU time that this process and Postgres have taken.
func cpu(b *testing.B, postmaster int) time.Duration {
	b.Helper()
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", postmaster))
	if err != nil {
		b.Fatal(err)
	}
	total := time.Duration(0)
	for _, pid := range append(strings.Fields(string(children)), fmt.Sprint(postmaster), "self") {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil {
			b.Fatal(err)
		}
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:])) // From the third on: see proc(5).
		for _, ticks := range fields[11:13] {
			n, err := strconv.Atoi(ticks)
			if err != nil {
				b.Fatal(err)
			}
			total += time.Duration(n) * 10 * time.Millisecond
		}
	}
	return total
}

// benchRooms makes rooms of which all senders are members.
func benchRooms(b *testing.B, l *log, n int) []uuid.UUID {
	b.Helper()
	rooms := make([]uuid.UUID, n)
	batch := &pgx.Batch{}
	for i := range rooms {
		rooms[i] = uuid.New()
		batch.Queue(insertRoom, rooms[i])
		for sender := range benchSenders {
			batch.Queue(upsertMember, rooms[i], fmt.Sprint("sender-", sender), 1)
		}
	}
	if err := l.db.SendBatch(b.Context(), batch).Close(); err != nil {
		b.Fatal(err)
	}
	return rooms
}

// answer is a neighbour that answers every call with the same.
type answer []byte

func (a answer) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{}, Request: r, Body: io.NopCloser(strings.NewReader(string(a))),
	}, nil
}

// silentBroker takes every event at once.
type silentBroker struct{ dapr.Client }

func (silentBroker) PublishEvent(context.Context, string, string, any, ...dapr.PublishEventOption) error {
	return nil
}
