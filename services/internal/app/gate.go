package app

import (
	"context"
	"sync"

	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc"
)

// gate lets this replica take up a subscription only while it neither publishes to the same component nor takes up another: Dapr's RabbitMQ
// component does all of that on one channel, where calls that overlap get each other's answers. It then leaves consumers behind that nobody
// reads, and with them their share of the events (https://github.com/dapr/components-contrib/issues/4540).
type gate struct {
	mu         sync.Mutex
	components map[string]*semaphore.Weighted
}

// everybody is the weight of a subscription; that of an event is 1.
const everybody = 1 << 30

func newGate() *gate { return &gate{components: map[string]*semaphore.Weighted{}} }

func (g *gate) of(component string) *semaphore.Weighted {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.components[component] == nil {
		g.components[component] = semaphore.NewWeighted(everybody)
	}
	return g.components[component]
}

func (g *gate) dialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			if event, ok := req.(*runtimev1.PublishEventRequest); ok {
				component := g.of(event.GetPubsubName())
				if err := component.Acquire(ctx, 1); err != nil {
					return err //nolint:wrapcheck // The context's.
				}
				defer component.Release(1)
			}
			return invoke(ctx, method, req, reply, conn, opts...)
		}),
		grpc.WithChainStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			stream, err := open(ctx, desc, conn, method, opts...)
			if err != nil || method != runtimev1.Dapr_SubscribeTopicEventsAlpha1_FullMethodName {
				return stream, err
			}
			return &gatedStream{ClientStream: stream, gate: g}, nil
		}),
	}
}

// gatedStream is a subscription. From the request for it until the sidecar's answer it has the component to itself.
type gatedStream struct {
	grpc.ClientStream
	gate *gate
	pass func() // not nil while it has
}

func (s *gatedStream) SendMsg(m any) error {
	request, ok := m.(*runtimev1.SubscribeTopicEventsRequestAlpha1)
	if !ok || request.GetInitialRequest() == nil {
		return s.ClientStream.SendMsg(m) //nolint:wrapcheck // It stands in for the stream.
	}
	component := s.gate.of(request.GetInitialRequest().GetPubsubName())
	if err := component.Acquire(s.Context(), everybody); err != nil {
		return err //nolint:wrapcheck // The context's.
	}
	s.pass = sync.OnceFunc(func() { component.Release(everybody) })
	context.AfterFunc(s.Context(), s.pass)
	return s.ClientStream.SendMsg(m) //nolint:wrapcheck // It stands in for the stream.
}

func (s *gatedStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if s.pass != nil {
		s.pass()
		s.pass = nil
	}
	return err //nolint:wrapcheck // It stands in for the stream.
}
