package main

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics are of the whole replica; there is none per room or user.
var metrics = struct {
	connections, subscriptions, rooms, blocked prometheus.Gauge
	received, deliveries, writes, repairs      prometheus.Counter
	appendFailures, compareFailures            prometheus.Counter
	batchSize, appendSeconds                   prometheus.Histogram
	cutOffs                                    *prometheus.CounterVec
}{
	connections:     gauge("connections", "Open WebSocket connections."),
	subscriptions:   gauge("subscriptions", "Subscriptions to rooms."),
	rooms:           gauge("rooms", "Rooms with a subscriber here."),
	blocked:         gauge("blocked_connections", "Connections whose socket takes no more at the moment."),
	received:        counter("messages_stored_total", "Messages from clients that are stored, each time they are sent."),
	deliveries:      counter("deliveries_total", "Messages queued for subscribers."),
	writes:          counter("writes_total", "System calls that wrote to sockets."),
	repairs:         counter("repairs_total", "Reads of the log because a message did not come as an event."),
	appendFailures:  counter("append_failures_total", "Calls that were to store messages and failed."),
	compareFailures: counter("compare_failures_total", "Comparisons of the rooms' heads with the log that failed."),
	batchSize: promauto.NewHistogram(prometheus.HistogramOpts{
		Name: "moim_realtime_batch_size", Help: "Messages stored together.", Buckets: prometheus.ExponentialBuckets(1, 2, 10),
	}),
	appendSeconds: promauto.NewHistogram(prometheus.HistogramOpts{
		Name: "moim_realtime_append_seconds", Help: "Time to store a batch.", Buckets: prometheus.ExponentialBuckets(.001, 2, 13),
	}),
	cutOffs: promauto.NewCounterVec(prometheus.CounterOpts{
		Name: "moim_realtime_cut_offs_total", Help: "Connections ended by the server, by the code of the ERROR.",
	}, []string{"code"}),
}

func gauge(name, help string) prometheus.Gauge {
	return promauto.NewGauge(prometheus.GaugeOpts{Name: "moim_realtime_" + name, Help: help})
}

func counter(name, help string) prometheus.Counter {
	return promauto.NewCounter(prometheus.CounterOpts{Name: "moim_realtime_" + name, Help: help})
}
