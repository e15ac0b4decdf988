package main

import (
	"errors"
	"runtime"
	"time"
)

// config is what an operator may set. The defaults suit a replica with 10,000 connections.
type config struct {
	// Origins are hosts whose pages may connect, besides the host that is connected to.
	Origins []string `env:"MOIM_ORIGINS"`
	// HeartBeat is how often the server sends something and wants to hear something.
	HeartBeat time.Duration `env:"MOIM_HEART_BEAT" envDefault:"20s"`
	// ConnectTimeout is the time a connection has to send a CONNECT that is accepted.
	ConnectTimeout time.Duration `env:"MOIM_CONNECT_TIMEOUT" envDefault:"10s"`
	// QueueBytes is how much may wait to be written to one connection before it is a slow consumer.
	QueueBytes int `env:"MOIM_QUEUE_BYTES" envDefault:"1048576"`
	// StallTimeout is how long a client may take nothing of what waits for it, not even a byte.
	StallTimeout time.Duration `env:"MOIM_STALL_TIMEOUT" envDefault:"10s"`
	// MaxSubscriptions bounds the subscriptions of one connection.
	MaxSubscriptions int `env:"MOIM_MAX_SUBSCRIPTIONS" envDefault:"256"`
	// FrameRate is how many frames a second one connection may send in the long run, FrameBurst how many at once.
	FrameRate  float64 `env:"MOIM_FRAME_RATE" envDefault:"50"`
	FrameBurst float64 `env:"MOIM_FRAME_BURST" envDefault:"500"`
	// Lanes is how many appends to the log are under way at once; a room's messages all go through one lane. One makes the largest
	// groups, and so the fewest commits and events, for as long as an append is not much slower than that saves.
	Lanes int `env:"MOIM_APPEND_LANES" envDefault:"1"`
	// AppendTimeout is how long a message is tried to be stored before its sender is told that it can't be.
	AppendTimeout time.Duration `env:"MOIM_APPEND_TIMEOUT" envDefault:"15s"`
	// Writers is the number of goroutines that write to sockets; 0 means one per processor.
	Writers int `env:"MOIM_WRITERS" envDefault:"0"`
	// Gather is how long, under load, what is to be written gathers before it is written together.
	Gather time.Duration `env:"MOIM_WRITE_GATHER" envDefault:"5ms"`
	// HeadsInterval is how often the rooms are compared with the log.
	HeadsInterval time.Duration `env:"MOIM_HEADS_INTERVAL" envDefault:"2s"`
	// DrainSpread is the time over which connections are sent away when the replica stops.
	DrainSpread time.Duration `env:"MOIM_DRAIN_SPREAD" envDefault:"5s"`
}

// Validate says which setting breaks which rule.
func (c *config) Validate() error {
	switch {
	case c.HeartBeat < 10*time.Millisecond:
		return errors.New("MOIM_HEART_BEAT must be 10ms or more")
	case c.QueueBytes < 64<<10:
		return errors.New("MOIM_QUEUE_BYTES must be 65536 or more")
	case c.MaxSubscriptions < 1 || c.Lanes < 1 || c.Writers < 0:
		return errors.New("MOIM_MAX_SUBSCRIPTIONS and MOIM_APPEND_LANES must be 1 or more, MOIM_WRITERS 0 or more")
	case c.FrameRate <= 0 || c.FrameBurst < 1:
		return errors.New("MOIM_FRAME_RATE must be more than 0, MOIM_FRAME_BURST 1 or more")
	case c.ConnectTimeout <= 0 || c.StallTimeout <= 0 || c.AppendTimeout <= 0 || c.HeadsInterval <= 0 || c.DrainSpread <= 0 || c.Gather < 0:
		return errors.New("MOIM_CONNECT_TIMEOUT, MOIM_STALL_TIMEOUT, MOIM_APPEND_TIMEOUT, MOIM_HEADS_INTERVAL and MOIM_DRAIN_SPREAD must be more than 0")
	}
	if c.Writers == 0 {
		c.Writers = runtime.GOMAXPROCS(0)
	}
	return nil
}
