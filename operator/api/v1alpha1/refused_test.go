package v1alpha1_test

import (
	"errors"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestServerRefuses(t *testing.T) {
	const (
		pubsub       = "use one of Dapr's pub/sub components, such as pubsub.kafka, pubsub.rabbitmq or pubsub.redis"
		fanout       = "use one of Dapr's pub/sub components, such as pubsub.kafka, pubsub.rabbitmq, pubsub.jetstream or pubsub.redis"
		jetstream    = "JetStream serves fanout only, as a service receives several topics and a durable consumer of it one: use pubsub.kafka, pubsub.rabbitmq or pubsub.redis here"
		image        = "use the tag of an image, such as 0.2.0: letters, digits, '_', '.' and '-'"
		registry     = "use a host and path without scheme and without a '/' at its end, such as registry.example.com/moim"
		host         = "use a DNS name in small letters, without scheme, port or path, and not an address, such as chat.example.com"
		typeOrRef    = "set either type, with metadata, for a component that the operator makes, or componentRef for one of your own"
		typesOwn     = "metadata and version belong to type: a component of your own (componentRef) has them itself"
		inMemory     = "an in-memory component is the memory of a single pod, and pods would not see each other's: use one that has a server"
		valueOrRef   = "set either value or secretKeyRef; passwords and tokens belong into a Secret"
		timeout      = "use a duration between 1s and 10m, such as 30s or 1m30s"
		endpoint     = "use the URL of an endpoint for OTLP over HTTP, with a host and a port and no path, such as http://collector.observability:4318"
		otherStore   = "spec.settings go into the platform's own configuration store: remove them and write them into the store that spec.config names, or remove spec.config"
		fixedOrAuto  = "set either replicas, for a fixed number, or autoscaling, for one that follows the load"
		peer         = "say which namespaces (namespaceSelector), which pods (podSelector) or both; namespaceSelector: {} is all namespaces"
		component    = "name a Dapr Component of this namespace"
		tooLongNames = "metadata.name begins the name of everything that the platform consists of: use at most 32 small letters, digits and '-', beginning with a letter"
	)
	c := strict(t)
	for name, test := range map[string]struct {
		name, spec     string
		field, message string
	}{
		"a name that is too long for what is named after it": {name: strings.Repeat("a", 33), field: "", message: tooLongNames},
		"a name that no Service could have":                  {name: "1st", field: "", message: tooLongNames},
		"a name with dots":                                   {name: "demo.chat", field: "", message: tooLongNames},

		"a version that is no tag":               {spec: "{version: '0.2.0 beta'}", field: "spec.version", message: image},
		"a version that is a digest":             {spec: "{version: '@sha256:1234'}", field: "spec.version", message: image},
		"a registry with a scheme":               {spec: "{image: {registry: https://registry.example.com}}", field: "spec.image.registry", message: registry},
		"a registry that ends with a slash":      {spec: "{image: {registry: registry.example.com/moim/}}", field: "spec.image.registry", message: registry},
		"a pull policy that Kubernetes lacks":    {spec: "{image: {pullPolicy: Sometimes}}", field: "spec.image.pullPolicy", message: `supported values: "Always", "IfNotPresent", "Never"`},
		"a pull secret without a name":           {spec: "{image: {pullSecrets: [{}]}}", field: "spec.image.pullSecrets[0].name", message: "name a Secret of this namespace, of type kubernetes.io/dockerconfigjson"},
		"replicas beside autoscaling":            {spec: "{services: {chat: {replicas: 2, autoscaling: {maxReplicas: 3}}}}", field: "spec.services.chat.replicas", message: fixedOrAuto},
		"a negative number of replicas":          {spec: "{services: {chat: {replicas: -1}}}", field: "spec.services.chat.replicas", message: "should be greater than or equal to 0"},
		"autoscaling without a maximum":          {spec: "{services: {chat: {autoscaling: {minReplicas: 2}}}}", field: "spec.services.chat.autoscaling.maxReplicas", message: "Required value"},
		"a minimum above the maximum":            {spec: "{services: {chat: {autoscaling: {minReplicas: 3, maxReplicas: 2}}}}", field: "spec.services.chat.autoscaling.minReplicas", message: "use a number that is not above maxReplicas"},
		"autoscaling that aims at more than all": {spec: "{services: {chat: {autoscaling: {maxReplicas: 2, targetCPU: 101}}}}", field: "spec.services.chat.autoscaling.targetCPU", message: "should be less than or equal to 100"},
		"an environment variable set twice":      {spec: "{services: {chat: {env: [{name: A, value: b}, {name: A, value: c}]}}}", field: "spec.services.chat.env[1]", message: "Duplicate value"},
		"a pod template that is a string":        {spec: "{services: {chat: {podTemplate: none}}}", field: "spec.services.chat.podTemplate", message: "must be of type object"},

		"an ingress without a host":    {spec: "{ingress: {}}", field: "spec.ingress.host", message: "Required value"},
		"a host with a scheme":         {spec: "{ingress: {host: 'https://chat.example.com'}}", field: "spec.ingress.host", message: host},
		"a host with a port":           {spec: "{ingress: {host: 'chat.example.com:8443'}}", field: "spec.ingress.host", message: host},
		"a host with capital letters":  {spec: "{ingress: {host: Chat.example.com}}", field: "spec.ingress.host", message: host},
		"a host that is an address":    {spec: "{ingress: {host: 192.0.2.7}}", field: "spec.ingress.host", message: host},
		"a host for everything":        {spec: "{ingress: {host: '*.example.com'}}", field: "spec.ingress.host", message: host},
		"a host with a label too long": {spec: "{ingress: {host: " + strings.Repeat("a", 64) + ".example.com}}", field: "spec.ingress.host", message: host},
		"an empty class of ingress":    {spec: "{ingress: {host: chat.example.com, className: ''}}", field: "spec.ingress.className", message: "should be at least 1 chars long"},
		"a class with capital letters": {spec: "{ingress: {host: chat.example.com, className: My_Class}}", field: "spec.ingress.className", message: "use the name of an IngressClass (kubectl get ingressclasses), such as nginx"},
		"a certificate's odd name":     {spec: "{ingress: {host: chat.example.com, tls: {secretName: chat_tls}}}", field: "spec.ingress.tls.secretName", message: "use the name of a Secret of this namespace, such as chat-tls"},
		"an annotation with a space":   {spec: "{ingress: {host: chat.example.com, annotations: {'a key': b}}}", field: "spec.ingress.annotations", message: "use keys of letters, digits, '-', '_' and '.'"},
		"TLS without a certificate":    {spec: "{ingress: {host: chat.example.com, tls: {}}}", field: "spec.ingress.tls.secretName", message: "Required value"},

		"a component that is neither":             {spec: "{pubsub: {}}", field: "spec.pubsub", message: typeOrRef},
		"a component that is both":                {spec: "{pubsub: {type: pubsub.kafka, componentRef: {name: mine}}}", field: "spec.pubsub", message: typeOrRef},
		"metadata for a component of one's own":   {spec: "{state: {componentRef: {name: mine}, metadata: [{name: a, value: b}]}}", field: "spec.state", message: typesOwn},
		"a version for a component of one's own":  {spec: "{state: {componentRef: {name: mine}, version: v2}}", field: "spec.state", message: typesOwn},
		"a component of one's own without a name": {spec: "{lock: {componentRef: {}}}", field: "spec.lock.componentRef.name", message: component},
		"a pubsub that is a state store":          {spec: "{pubsub: {type: state.redis}}", field: "spec.pubsub.type", message: pubsub},
		"a pubsub of no type in particular":       {spec: "{pubsub: {type: pubsub.}}", field: "spec.pubsub.type", message: pubsub},
		"JetStream for work queues":               {spec: "{pubsub: {type: pubsub.jetstream}}", field: "spec.pubsub.type", message: jetstream},
		"a fanout that is a state store":          {spec: "{fanout: {type: state.redis}}", field: "spec.fanout.type", message: fanout},
		"a state store that is a lock":            {spec: "{state: {type: lock.redis}}", field: "spec.state.type", message: "use one of Dapr's state stores with TTL and ETags, such as state.redis or state.postgresql"},
		"a lock that is a state store":            {spec: "{lock: {type: state.redis}}", field: "spec.lock.type", message: "use one of Dapr's locks, such as lock.redis"},
		"a configuration that is a state store":   {spec: "{config: {type: state.redis}}", field: "spec.config.type", message: "use one of Dapr's configuration stores, such as configuration.redis or configuration.postgresql"},
		"a broker in memory":                      {spec: "{pubsub: {type: pubsub.in-memory}}", field: "spec.pubsub.type", message: inMemory},
		"a state store in memory":                 {spec: "{state: {type: state.in-memory}}", field: "spec.state.type", message: inMemory},
		"metadata with neither value nor secret":  {spec: "{pubsub: {type: pubsub.kafka, metadata: [{name: brokers}]}}", field: "spec.pubsub.metadata[0]", message: valueOrRef},
		"metadata with value and secret":          {spec: "{pubsub: {type: pubsub.kafka, metadata: [{name: p, value: v, secretKeyRef: {name: s, key: k}}]}}", field: "spec.pubsub.metadata[0]", message: valueOrRef},
		"metadata given twice":                    {spec: "{pubsub: {type: pubsub.kafka, metadata: [{name: a, value: b}, {name: a, value: c}]}}", field: "spec.pubsub.metadata[1]", message: "Duplicate value"},
		"metadata that is a number":               {spec: "{pubsub: {type: pubsub.kafka, metadata: [{name: a, value: 3}]}}", field: "spec.pubsub.metadata[0].value", message: "must be of type string"},
		"a secret without its key":                {spec: "{pubsub: {type: pubsub.kafka, metadata: [{name: a, secretKeyRef: {name: s}}]}}", field: "spec.pubsub.metadata[0].secretKeyRef.key", message: "Required value"},

		"a database without a Secret":            {spec: "{database: {}}", field: "spec.database.secretRef", message: "Required value"},
		"a database whose Secret has no name":    {spec: "{database: {secretRef: {}}}", field: "spec.database.secretRef.name", message: "name a Secret of this namespace, with a connection string under the key dsn"},
		"settings beside another store for them": {spec: "{config: {componentRef: {name: mine}}, settings: {signup: {mode: strict}}}", field: "spec.settings", message: otherStore},
		"a signup mode that doesn't exist":       {spec: "{settings: {signup: {mode: relaxed}}}", field: "spec.settings.signup.mode", message: `supported values: "lenient", "strict"`},
		"a timeout that is too short":            {spec: "{settings: {signup: {timeout: 10ms}}}", field: "spec.settings.signup.timeout", message: timeout},
		"a timeout that is too long":             {spec: "{settings: {signup: {timeout: 1h}}}", field: "spec.settings.signup.timeout", message: timeout},
		"a timeout that is no duration":          {spec: "{settings: {signup: {timeout: 1 minute}}}", field: "spec.settings.signup.timeout", message: timeout},
		"a timeout without a unit":               {spec: "{settings: {signup: {timeout: '30'}}}", field: "spec.settings.signup.timeout", message: timeout},
		"a timeout beyond all durations":         {spec: "{settings: {signup: {timeout: 999999999h}}}", field: "spec.settings.signup.timeout", message: timeout},
		"a limit of nothing":                     {spec: "{settings: {limits: {requestsPerUser: 0}}}", field: "spec.settings.limits.requestsPerUser", message: "should be greater than or equal to 1"},
		"a limit that no program could hold":     {spec: "{settings: {limits: {framesPerConnection: 3000000000}}}", field: "spec.settings.limits.framesPerConnection", message: "should be less than or equal to 1000000"},

		"a tracing endpoint without a scheme":  {spec: "{observability: {tracing: {endpoint: 'collector:4318'}}}", field: "spec.observability.tracing.endpoint", message: endpoint},
		"a tracing endpoint without a port":    {spec: "{observability: {tracing: {endpoint: 'http://collector'}}}", field: "spec.observability.tracing.endpoint", message: endpoint},
		"a tracing endpoint with a path":       {spec: "{observability: {tracing: {endpoint: 'http://collector:4318/v1/traces'}}}", field: "spec.observability.tracing.endpoint", message: endpoint},
		"a network peer that is nobody":        {spec: "{networkPolicy: {ingressFrom: [{}]}}", field: "spec.networkPolicy.ingressFrom[0]", message: peer},
		"a deletion policy that doesn't exist": {spec: "{trial: {deletionPolicy: Keep}}", field: "spec.trial.deletionPolicy", message: `supported values: "Retain", "Delete"`},
		"a size that is no quantity":           {spec: "{trial: {storageSize: 1 gigabyte}}", field: "spec.trial.storageSize", message: "should match"},
	} {
		t.Run(name, func(t *testing.T) {
			if test.name == "" {
				test.name = "demo"
			}
			err := c.Create(t.Context(), platform(t, test.name, test.spec), client.DryRunAll)
			wantCause(t, err, test.field, test.message)
		})
	}
}

func TestServerRefusesFieldsThatItDoesNotKnow(t *testing.T) {
	c := strict(t)
	for name, test := range map[string]struct{ spec, field string }{
		"a misspelt field":                    {"{ingres: {host: chat.example.com}}", "spec.ingres"},
		"a service that isn't one":            {"{services: {mesage: {replicas: 2}}}", "spec.services.mesage"},
		"a field of a resource of Kubernetes": {"{services: {chat: {resources: {request: {cpu: 100m}}}}}", "spec.services.chat.resources.request"},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.Create(t.Context(), platform(t, "demo", test.spec), client.DryRunAll)
			if want := `unknown field "` + test.field + `"`; !apierrors.IsBadRequest(err) || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want a bad request: %s", err, want)
			}
		})
	}
}

func TestServerRefusesToChangeWhatCannotBe(t *testing.T) {
	const anew = " for another one delete the platform and make it anew, or move to stores of your own (spec.database, spec.pubsub, ...)"
	c := strict(t)
	for name, test := range map[string]struct{ before, after, field, message string }{
		"the size of volumes":          {"{trial: {storageSize: 1Gi}}", "{trial: {storageSize: 2Gi}}", "spec.trial.storageSize", "put the old size back, as volumes keep theirs"},
		"the default size of volumes":  {"{}", "{trial: {storageSize: 2Gi}}", "spec.trial.storageSize", "leave it set or unset as it was, as volumes keep their size:" + anew},
		"a size of volumes, to none":   {"{trial: {storageSize: 2Gi}}", "{}", "spec.trial.storageSize", "leave it set or unset as it was, as volumes keep their size:" + anew},
		"a size, with the spec":        {"{trial: {storageSize: 2Gi}}", "", "spec.trial.storageSize", "leave it set or unset as it was, as volumes keep their size:" + anew},
		"the class of volumes":         {"{trial: {storageClassName: fast}}", "{trial: {storageClassName: slow}}", "spec.trial.storageClassName", "put the old class back, as volumes keep theirs"},
		"the default class of volumes": {"", "{trial: {storageClassName: fast}}", "spec.trial.storageClassName", "leave it set or unset as it was, as volumes keep their class:" + anew},
	} {
		t.Run(name, func(t *testing.T) {
			wantCause(t, change(t, c, test.before, test.after), test.field, test.message)
		})
	}
}

func TestServerAcceptsChanges(t *testing.T) {
	c := strict(t)
	for name, test := range map[string]struct{ before, after string }{
		"of everything else about trials": {"{trial: {storageSize: 2Gi, deletionPolicy: Delete}}", "{trial: {storageSize: 2Gi, deletionPolicy: Retain}}"},
		"of nothing to something":         {"", "{version: 0.2.0, suspend: true}"},
		"of the trial stores to others":   {"{}", "{pubsub: {type: pubsub.kafka}, database: {secretRef: {name: database}}}"},
		"of replicas to autoscaling":      {"{services: {chat: {replicas: 2}}}", "{services: {chat: {autoscaling: {maxReplicas: 4}}}}"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := change(t, c, test.before, test.after); err != nil {
				t.Error(err)
			}
		})
	}
}

// change makes a platform, replaces its spec, and returns the server's answer to that.
func change(t *testing.T, c client.Client, before, after string) error {
	t.Helper()
	p := platform(t, "demo", before)
	if err := c.Create(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Delete(t.Context(), p); err != nil {
			t.Error(err)
		}
	}()
	changed := platform(t, "demo", after)
	changed.SetResourceVersion(p.GetResourceVersion())
	return c.Update(t.Context(), changed)
}

// wantCause checks that the server called the object invalid, and named the field and the rule.
func wantCause(t *testing.T, err error, field, message string) {
	t.Helper()
	if field == "" {
		field = "<nil>" // the object itself
	}
	var status apierrors.APIStatus
	if !apierrors.IsInvalid(err) || !errors.As(err, &status) {
		t.Fatalf("got %v, want an invalid object: %s: %s", err, field, message)
	}
	for _, cause := range status.Status().Details.Causes {
		if cause.Field == field && strings.Contains(cause.Message, message) {
			return
		}
	}
	t.Errorf("got %v\nwant %s: %s", err, field, message)
}
