package app

import (
	"context"
	"strings"

	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// names are what components, secrets and apps are really called. The services know them as events, chat and so on; where several
// platforms share a namespace each has a prefix of its own, and a component may be one that somebody else named.
type names struct {
	prefix     string
	components map[string]string
}

// component is the name of the component that the services call by name.
func (n *names) component(name string) string {
	if own := n.components[name]; own != "" {
		return own
	}
	return n.prefix + name
}

// app is the service that an app id belongs to; empty for one of another platform.
func (n *names) app(id string) string {
	service, ok := strings.CutPrefix(id, n.prefix)
	if !ok {
		return ""
	}
	return service
}

// dialOptions have every call of the sidecar say the real names, so that nothing else needs to know them.
func (n *names) dialOptions() []grpc.DialOption {
	if n.prefix == "" && len(n.components) == 0 {
		return nil
	}
	return []grpc.DialOption{
		grpc.WithUnaryInterceptor(func(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			return invoke(ctx, method, n.real(req), reply, conn, opts...)
		}),
		grpc.WithStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			stream, err := open(ctx, desc, conn, method, opts...)
			if err != nil {
				return nil, err
			}
			return &realStream{stream, n}, nil
		}),
	}
}

type realStream struct {
	grpc.ClientStream
	names *names
}

func (s *realStream) SendMsg(m any) error { return s.ClientStream.SendMsg(s.names.real(m)) }

// real returns a request with the real names; the caller's stays as it is, as it may be used for another attempt.
func (n *names) real(request any) any {
	message, ok := request.(proto.Message)
	if !ok {
		return request
	}
	switch in := request.(type) {
	case *runtimev1.SubscribeTopicEventsRequestAlpha1:
		if in.GetInitialRequest() == nil {
			return request
		}
		out := proto.CloneOf(in)
		n.rename(out.GetInitialRequest())
		return out
	case *runtimev1.GetSecretRequest:
		out := proto.CloneOf(in)
		n.rename(out)
		out.Key = n.prefix + in.GetKey()
		return out
	}
	if fieldOf(message) == nil {
		return request
	}
	out := proto.Clone(message)
	n.rename(out)
	return out
}

func (n *names) rename(m proto.Message) {
	if field := fieldOf(m); field != nil {
		m.ProtoReflect().Set(field, protoreflect.ValueOfString(n.component(m.ProtoReflect().Get(field).String())))
	}
}

// fieldOf is the field of a request that names a component; nil when there is none.
func fieldOf(m proto.Message) protoreflect.FieldDescriptor {
	fields := m.ProtoReflect().Descriptor().Fields()
	if field := fields.ByName("store_name"); field != nil {
		return field
	}
	return fields.ByName("pubsub_name")
}
