// Daprd is Dapr's own sidecar with its stable components and the four others that Moim uses, which no build tag of Dapr's
// selects together.
package main

import (
	configurationkubernetes "github.com/dapr/components-contrib/configuration/kubernetes"
	lockredis "github.com/dapr/components-contrib/lock/redis"
	"github.com/dapr/components-contrib/nameresolution/sqlite"
	"github.com/dapr/components-contrib/pubsub/jetstream"
	"github.com/dapr/dapr/cmd/daprd/app"
	"github.com/dapr/dapr/pkg/components/configuration"
	"github.com/dapr/dapr/pkg/components/lock"
	"github.com/dapr/dapr/pkg/components/nameresolution"
	"github.com/dapr/dapr/pkg/components/pubsub"
)

func main() {
	configuration.DefaultRegistry.RegisterComponent(configurationkubernetes.NewKubernetesConfigMapStore, "kubernetes")
	lock.DefaultRegistry.RegisterComponent(lockredis.NewStandaloneRedisLock, "redis")
	nameresolution.DefaultRegistry.RegisterComponent(sqlite.NewResolver, "sqlite")
	pubsub.DefaultRegistry.RegisterComponent(jetstream.NewJetStream, "jetstream")
	app.Run()
}
