package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"moim.dev/moim/services/internal/stomp"
)

// helperEnv makes the test binary a program of clients instead, so that what they cost is not counted with the server's.
const helperEnv = "MOIM_TEST_CLIENTS"

func TestMain(m *testing.M) {
	if spec := os.Getenv(helperEnv); spec != "" {
		runClients(spec)
		return
	}
	os.Exit(m.Run())
}

// runClients opens count connections to addr, each subscribed to the room r, and says "ready" when all are. It then counts
// what it is sent, and prints the count for each line it reads.
func runClients(spec string) {
	addr, number, _ := strings.Cut(spec, " ")
	count, _ := strconv.Atoi(number)
	var mu sync.Mutex
	total := 0
	var wg sync.WaitGroup
	limit := make(chan struct{}, 64)
	for range count {
		limit <- struct{}{}
		wg.Add(1)
		go func() {
			conn := dialRaw(addr)
			<-limit
			wg.Done()
			buffer := make([]byte, 64<<10)
			for {
				n, err := conn.Read(buffer)
				if err != nil {
					return
				}
				got := bytes.Count(buffer[:n], []byte("message-id:")) // Frames are cut seldom enough.
				mu.Lock()
				total += got
				mu.Unlock()
			}
		}()
	}
	wg.Wait()
	fmt.Println("ready")
	line := make([]byte, 1)
	for {
		if _, err := os.Stdin.Read(line); err != nil {
			return
		}
		mu.Lock()
		fmt.Println(total)
		mu.Unlock()
	}
}

// dialRaw connects and subscribes, and answers the bare socket.
func dialRaw(addr string) net.Conn {
	d := websocket.Dialer{Subprotocols: []string{"v12.stomp"}, ReadBufferSize: 512, WriteBufferSize: 512, HandshakeTimeout: time.Minute}
	ws, _, err := d.Dial("ws://"+addr+"/ws", nil)
	if err != nil {
		panic(err)
	}
	connect := stomp.Append(nil, &stomp.Frame{Command: stomp.Connect, Headers: stomp.H("accept-version", "1.2",
		"Authorization", "Bearer token-u", "heart-beat", "0,0")}, stomp.V12)
	subscribe := stomp.Append(nil, &stomp.Frame{Command: stomp.Subscribe, Headers: stomp.H(
		"id", "sub-0", "destination", "/sub/chat/"+roomR, "receipt", "1")}, stomp.V12)
	for _, frame := range [][]byte{connect, subscribe} {
		if err := ws.WriteMessage(websocket.TextMessage, frame); err != nil {
			panic(err)
		}
		if _, _, err := ws.ReadMessage(); err != nil {
			panic(err)
		}
	}
	return ws.NetConn()
}

// clients is that program.
type clients struct {
	stdin  io.WriteCloser
	stdout io.Reader
}

func startClients(tb testing.TB, addr string, count int) *clients {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d", helperEnv, addr, count))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	c := &clients{stdin, stdout}
	if got := c.line(tb); got != "ready" {
		tb.Fatalf("clients say %q", got)
	}
	return c
}

func (c *clients) line(tb testing.TB) string {
	var line string
	if _, err := fmt.Fscanln(c.stdout, &line); err != nil {
		tb.Fatal(err)
	}
	return line
}

// received is how many messages the clients have been sent.
func (c *clients) received(tb testing.TB) int {
	if _, err := c.stdin.Write([]byte("\n")); err != nil {
		tb.Fatal(err)
	}
	n, err := strconv.Atoi(c.line(tb))
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

func cpuTime(tb testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkFanOut sends messages to 1,000 subscribers over loopback sockets, at a steady pace or as fast as they take
// them, and reports how many deliveries a second of this process' CPU time makes. The clients are another process.
func BenchmarkFanOut(b *testing.B) {
	const subscribers = 1000
	for _, rate := range []int{20, 100, 300, 0} {
		name := fmt.Sprintf("%d a second", rate)
		if rate == 0 {
			name = "as fast as can be"
		}
		b.Run(name, func(b *testing.B) {
			p := newPlatform()
			p.user("u")
			p.join(roomR, "u")
			cfg := testConfig()
			cfg.Gather, cfg.HeadsInterval, cfg.HeartBeat = 5*time.Millisecond, time.Minute, 20*time.Second
			e := p.serve(b, cfg)
			c := startClients(b, e.addr, subscribers)
			content := strings.Repeat("안녕 ", 15)

			before, at := cpuTime(b), time.Now()
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				if rate > 0 {
					time.Sleep(time.Until(at.Add(time.Duration(i) * time.Second / time.Duration(rate))))
				} else if i%64 == 0 {
					for c.received(b) < (i-256)*subscribers { // No further ahead than the queues take.
						time.Sleep(time.Millisecond)
					}
				}
				p.say(roomR, content)
			}
			for c.received(b) < b.N*subscribers {
				time.Sleep(time.Millisecond)
			}
			b.StopTimer()
			cpu := cpuTime(b) - before
			b.ReportMetric(float64(b.N*subscribers)/cpu.Seconds(), "deliveries/cpu-s")
			b.ReportMetric(float64(b.N*subscribers)/b.Elapsed().Seconds(), "deliveries/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}
