package main

import (
	"context"
	"time"

	"golang.org/x/sys/unix"
)

// silenceSlack is what a heart-beat may be late on its way, beyond a second interval.
const silenceSlack = 2 * time.Second

// pulse is what the sweeper saw of a connection, times in ns of srv.now.
type pulse struct {
	received, written     uint32
	receivedAt, writtenAt int64
	moved                 int64  // when the queue was last empty, or the client took something
	acked                 uint64 // bytes that the client has acknowledged
}

func newPulse(now int64) pulse { return pulse{receivedAt: now, writtenAt: now, moved: now} }

// sweepPeriod is how often the sweeper looks at each connection.
func (s *server) sweepPeriod() time.Duration { return min(time.Second, s.cfg.HeartBeat/10) }

// sweep looks at every connection once in a period, a shard at a time. It stands for the timers that the connections
// would otherwise have: for heart-beats, silence, stalls, tokens that end, and closing.
func (s *server) sweep(ctx context.Context) {
	ticker := time.NewTicker(max(s.sweepPeriod()/registryShards, time.Millisecond))
	defer ticker.Stop()
	var conns []*conn
	for shard := 0; ; shard = (shard + 1) % registryShards {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now, clock := s.now(), time.Now()
		conns = s.conns.part(shard, conns[:0])
		for _, c := range conns {
			c.examine(now, clock)
		}
		clear(conns)
		if shard == 0 {
			s.sessions.forget()
			s.members.forget()
		}
	}
}

// examine does what is due on a connection.
func (c *conn) examine(now int64, clock time.Time) {
	p := &c.pulse
	if n := c.received.Load(); n != p.received || c.busy.Load() {
		p.received, p.receivedAt = n, now
	}
	c.qmu.Lock()
	written, empty, closed, full := c.written, c.size == 0, c.closed, c.state == blocked
	c.qmu.Unlock()
	if written != p.written {
		p.written, p.writtenAt, p.moved = written, now, now
	}
	if empty {
		p.moved = now
	}
	if full { // The kernel asks for more only when much of what it holds is gone.
		if acked := c.acked(); acked != p.acked {
			p.acked, p.moved = acked, now
		}
	}

	s := c.session.Load()
	deadline := c.deadline.Load()
	due := deadline != 0 && now > deadline
	switch {
	case due && closed:
		c.shut()
	case due:
		c.fail(errConnectTimeout, nil)
	case closed || s == nil:
	case now-p.moved > c.srv.cfg.StallTimeout.Nanoseconds():
		c.fail(errSlowConsumer, nil)
	case s.silence > 0 && now-p.receivedAt > s.silence:
		metrics.cutOffs.WithLabelValues("silent").Inc()
		c.shut()
	case clock.After(s.user.Expires):
		c.fail(errTokenExpired, nil)
	case s.beat > 0 && empty && now-p.writtenAt >= s.beat-2*c.srv.sweepPeriod().Nanoseconds():
		// Two periods early: one for what was written just after the last look, one for what would be due just after this.
		c.enqueue(heartBeat)
	}
}

// acked is how many bytes the client has acknowledged, as the kernel counts them (tcp(7), TCP_INFO); 0 where there is no plain socket.
func (c *conn) acked() (n uint64) {
	if c.raw == nil {
		return 0
	}
	_ = c.raw.Control(func(fd uintptr) { // It fails when the socket is closed.
		if info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			n = info.Bytes_acked
		}
	})
	return n
}
