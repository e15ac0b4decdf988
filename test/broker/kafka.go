package broker

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kfake"
)

// Kafka is a broker in this process that speaks Kafka's protocol and keeps everything in memory: Debian has no Kafka.
type Kafka struct {
	Addr string
	*kfake.Cluster
}

// StartKafka starts a broker. Topics are made when they are first named.
func StartKafka() (*Kafka, error) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.AllowAutoTopicCreation(), kfake.DefaultNumPartitions(3))
	if err != nil {
		return nil, fmt.Errorf("start Kafka: %w", err)
	}
	return &Kafka{Addr: cluster.ListenAddrs()[0], Cluster: cluster}, nil
}
