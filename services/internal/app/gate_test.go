package app

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	dapr "github.com/dapr/go-sdk/client"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/emptypb"

	"moim.dev/moim/services/internal/events"
)

// channel is a sidecar whose components mind what they are asked at the same time.
type channel struct {
	runtimev1.UnimplementedDaprServer
	publishing, subscribing, overlaps, most atomic.Int32
	silent                                  bool // no subscription is answered
}

func (c *channel) PublishEvent(context.Context, *runtimev1.PublishEventRequest) (*emptypb.Empty, error) {
	c.most.Store(max(c.most.Load(), c.publishing.Add(1)))
	defer c.publishing.Add(-1)
	if c.subscribing.Load() > 0 {
		c.overlaps.Add(1)
	}
	time.Sleep(time.Millisecond) // What it takes.
	return &emptypb.Empty{}, nil
}

func (c *channel) SubscribeTopicEventsAlpha1(stream runtimev1.Dapr_SubscribeTopicEventsAlpha1Server) error {
	if _, err := stream.Recv(); err != nil {
		return err
	}
	if c.silent {
		c.subscribing.Add(1)
		<-stream.Context().Done()
		return nil
	}
	if c.subscribing.Add(1) > 1 || c.publishing.Load() > 0 {
		c.overlaps.Add(1)
	}
	time.Sleep(time.Millisecond) // What it takes.
	c.subscribing.Add(-1)
	if err := stream.Send(&runtimev1.SubscribeTopicEventsResponseAlpha1{
		SubscribeTopicEventsResponseType: &runtimev1.SubscribeTopicEventsResponseAlpha1_InitialResponse{},
	}); err != nil {
		return err
	}
	<-stream.Context().Done()
	return nil
}

// dial connects to a sidecar through a gate.
func dial(t *testing.T, sidecar *channel) *grpc.ClientConn {
	t.Helper()
	listener, server := bufconn.Listen(1<<16), grpc.NewServer()
	runtimev1.RegisterDaprServer(server, sidecar)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient("passthrough:///sidecar", append(newGate().dialOptions(),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestSubscriptionsAreTakenUpAlone(t *testing.T) {
	sidecar := &channel{}
	client := runtimev1.NewDaprClient(dial(t, sidecar))
	publish := func(ctx context.Context) error {
		_, err := client.PublishEvent(ctx, &runtimev1.PublishEventRequest{PubsubName: "fanout", Topic: "t"})
		return err
	}
	var group errgroup.Group
	for range 10 {
		group.Go(func() error {
			for range 20 {
				if err := publish(t.Context()); err != nil {
					return err
				}
			}
			return nil
		})
		group.Go(func() error {
			for range 5 {
				stream, err := client.SubscribeTopicEventsAlpha1(t.Context())
				if err != nil {
					return err
				}
				if err := stream.Send(initial("fanout")); err != nil {
					return err
				}
				if _, err := stream.Recv(); err != nil { // The stream stays open.
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if n := sidecar.overlaps.Load(); n > 0 {
		t.Errorf("%d times a subscription was taken up beside something else", n)
	}
	if sidecar.most.Load() < 2 {
		t.Error("events are published one after the other")
	}

	// A subscription whose caller gives up leaves nothing locked.
	ctx, giveUp := context.WithCancel(t.Context())
	stream, err := client.SubscribeTopicEventsAlpha1(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(initial("fanout")); err != nil {
		t.Fatal(err)
	}
	giveUp()
	if err := publish(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestNoAnswerToWaitFor: a replica that is to stop waits neither for a broker that is away nor for its turn at it.
func TestNoAnswerToWaitFor(t *testing.T) {
	sidecar := &channel{silent: true}
	client := dapr.NewClientWithConnection(dial(t, sidecar))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 3)
	for _, topic := range []string{"a", "b", "c"} {
		go func() { ended <- events.Subscription{Topic: topic}.Run(ctx, client) }()
	}
	limit := time.After(5 * time.Second)  // An event that is being handled would have ten.
	for sidecar.subscribing.Load() == 0 { // One is at it, and two wait for their turn.
		select {
		case <-limit:
			t.Fatal("nobody subscribes")
		case <-time.After(time.Millisecond):
		}
	}
	stop()
	for range cap(ended) {
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-limit:
			t.Fatal("a subscription is waiting")
		}
	}
}
