package main

import "sync"

// registryShards is how many parts the registry has: the sweeper locks one at a time.
const registryShards = 16

// registry holds every connection whose socket is open.
type registry struct {
	shards [registryShards]struct {
		mu    sync.Mutex
		conns []*conn
	}
}

func (r *registry) add(c *conn) {
	s := &r.shards[c.id%registryShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	c.slot = len(s.conns)
	s.conns = append(s.conns, c)
}

func (r *registry) remove(c *conn) {
	s := &r.shards[c.id%registryShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	last := len(s.conns) - 1
	s.conns[c.slot] = s.conns[last]
	s.conns[c.slot].slot = c.slot
	s.conns[last] = nil
	s.conns = s.conns[:last]
}

// part appends the connections of one shard to into.
func (r *registry) part(shard int, into []*conn) []*conn {
	s := &r.shards[shard]
	s.mu.Lock()
	defer s.mu.Unlock()
	return append(into, s.conns...)
}

// all are the connections of the moment.
func (r *registry) all() []*conn {
	var all []*conn
	for shard := range registryShards {
		all = r.part(shard, all)
	}
	return all
}
