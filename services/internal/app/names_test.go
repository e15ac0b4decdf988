package app

import (
	"testing"

	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
)

func initial(pubsub string) *runtimev1.SubscribeTopicEventsRequestAlpha1 {
	return &runtimev1.SubscribeTopicEventsRequestAlpha1{
		SubscribeTopicEventsRequestType: &runtimev1.SubscribeTopicEventsRequestAlpha1_InitialRequest{
			InitialRequest: &runtimev1.SubscribeTopicEventsRequestInitialAlpha1{PubsubName: pubsub, Topic: "chat.room.closed"},
		},
	}
}

func TestRealNames(t *testing.T) {
	config := Config{Prefix: "demo-", ComponentLock: "our-lock"}
	n := config.names()
	for _, c := range []struct{ in, want proto.Message }{
		{&runtimev1.PublishEventRequest{PubsubName: "events", Topic: "t"}, &runtimev1.PublishEventRequest{PubsubName: "demo-events", Topic: "t"}},
		{&runtimev1.GetStateRequest{StoreName: "state", Key: "k"}, &runtimev1.GetStateRequest{StoreName: "demo-state", Key: "k"}},
		{&runtimev1.SaveStateRequest{StoreName: "state"}, &runtimev1.SaveStateRequest{StoreName: "demo-state"}},
		{&runtimev1.TryLockRequest{StoreName: "lock", ResourceId: "r"}, &runtimev1.TryLockRequest{StoreName: "our-lock", ResourceId: "r"}},
		{&runtimev1.UnlockRequest{StoreName: "lock"}, &runtimev1.UnlockRequest{StoreName: "our-lock"}},
		{&runtimev1.SubscribeConfigurationRequest{StoreName: "config"}, &runtimev1.SubscribeConfigurationRequest{StoreName: "demo-config"}},
		{&runtimev1.GetConfigurationRequest{StoreName: "config"}, &runtimev1.GetConfigurationRequest{StoreName: "demo-config"}},
		{&runtimev1.GetSecretRequest{StoreName: "secrets", Key: "chat"}, &runtimev1.GetSecretRequest{StoreName: "demo-secrets", Key: "demo-chat"}},
		{initial("fanout"), initial("demo-fanout")},
		{&runtimev1.ShutdownRequest{}, &runtimev1.ShutdownRequest{}},
	} {
		before := proto.Clone(c.in)
		if diff := cmp.Diff(c.want, n.real(c.in), protocmp.Transform()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if !proto.Equal(before, c.in) {
			t.Errorf("the caller's request has changed: %v", c.in)
		}
	}
	if options := new(Config).names().dialOptions(); options != nil {
		t.Error("without a prefix there is something to rename")
	}
}

func TestCallers(t *testing.T) {
	config := Config{Prefix: "demo-"}
	for id, want := range map[string]string{"demo-realtime": "realtime", "other-realtime": "", "realtime": "", "": ""} {
		if got := config.names().app(id); got != want {
			t.Errorf("%q is %q, want %q", id, got, want)
		}
	}
}
