package build

import (
	"bytes"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	daprcomponents "moim.dev/moim/dapr-components"
	"moim.dev/moim/operator/api/v1alpha1"
)

// block is one building block of Dapr.
type block struct {
	name string
	// field is its place in the spec.
	field string
	// trial is the type of the trial component.
	trial string
	spec  *v1alpha1.ComponentSpec
}

func (b *builder) blocks() []block {
	return []block{
		{"events", "spec.pubsub", "pubsub.redis", b.Spec.PubSub},
		{"fanout", "spec.fanout", "pubsub.redis", b.Spec.Fanout},
		{"state", "spec.state", "state.redis", b.Spec.State},
		{"lock", "spec.lock", "lock.redis", b.Spec.Lock},
		{"config", "spec.config", "configuration.kubernetes", b.Spec.Config},
		{"secrets", "", "secretstores.kubernetes", nil},
	}
}

// trialRedis says whether some block needs the operator's own Redis.
func (b *builder) trialRedis() bool {
	for _, k := range b.blocks() {
		if k.spec == nil && strings.HasSuffix(k.trial, ".redis") {
			return true
		}
	}
	return false
}

// trialPostgres says whether the platform needs the operator's own Postgres.
func (b *builder) trialPostgres() bool { return b.Spec.Database == nil }

// components are Dapr's Components, one for each block that is not the user's own, and the Resiliency.
func (b *builder) components() ([]client.Object, error) {
	var out []client.Object
	for _, k := range b.blocks() {
		if k.spec != nil && k.spec.ComponentRef != nil {
			continue
		}
		c, err := b.component(k)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return append(out, b.resiliency()), nil
}

// component is the embedded definition for the type, under the platform's name, with the metadata of the spec over it.
func (b *builder) component(k block) (client.Object, error) {
	kind, version := k.trial, "v1"
	var own []v1alpha1.MetadataItem
	if k.spec != nil {
		kind, own = k.spec.Type, k.spec.Metadata
	}
	items := metadata{}
	if content, ok := daprcomponents.Component(k.name, kind); ok {
		parsed := parse(content)
		version, _, _ = unstructured.NestedString(parsed.Object, "spec", "version")
		list, _, err := unstructured.NestedSlice(parsed.Object, "spec", "metadata")
		if err != nil {
			return nil, fmt.Errorf("embedded component %s: %w", k.name, err)
		}
		for _, item := range list {
			fields := item.(map[string]any)
			// What is the developer's machine's is the operator's to say.
			if _, isEnv := fields["envRef"]; !isEnv && fields["secretKeyRef"] == nil {
				items.set(fields)
			}
		}
	} else if k.name == "state" {
		// Services read each other's keys, before which Dapr would put an app id, whatever the store is.
		items.set(map[string]any{"name": "keyPrefix", "value": "none"})
	}
	if k.spec != nil && k.spec.Version != "" {
		version = k.spec.Version
	}
	for _, item := range b.connection(k) {
		items.set(item)
	}
	for _, item := range own {
		fields := map[string]any{"name": item.Name}
		if item.Value != nil {
			fields["value"] = *item.Value
		} else {
			fields["secretKeyRef"] = map[string]any{"name": item.SecretKeyRef.Name, "key": item.SecretKeyRef.Key}
		}
		items.set(fields)
	}
	object := b.dapr("Component", k.name)
	object.Object["spec"] = map[string]any{"type": kind, "version": version, "metadata": items.list}
	object.Object["scopes"] = anys(b.users(k.name))
	return object, nil
}

// connection is what a component of the operator's own choice needs to reach its store.
func (b *builder) connection(k block) []map[string]any {
	switch {
	case k.spec != nil:
		return nil
	case k.name == "config":
		return []map[string]any{{"name": "configMapName", "value": b.name("settings")}}
	case k.name == "secrets":
		return []map[string]any{{"name": "defaultNamespace", "value": b.Namespace}}
	}
	return []map[string]any{
		{"name": "redisHost", "value": b.name("redis") + ":6379"},
		{"name": "redisPassword", "secretKeyRef": map[string]any{"name": b.name("redis"), "key": keyPassword}},
	}
}

// metadata is a component's metadata, in which a name stands once. As in Dapr, capital letters make no difference.
type metadata struct{ list []any }

func (m *metadata) set(item map[string]any) {
	for i, old := range m.list {
		if strings.EqualFold(old.(map[string]any)["name"].(string), item["name"].(string)) {
			m.list[i] = item
			return
		}
	}
	m.list = append(m.list, item)
}

// resiliency has the embedded policies, for the platform's own apps and components.
func (b *builder) resiliency() client.Object {
	parsed := parse(daprcomponents.Resiliency())
	object := b.dapr("Resiliency", "resiliency")
	spec := parsed.Object["spec"].(map[string]any)
	targets := spec["targets"].(map[string]any)
	for _, kind := range []string{"apps", "components"} {
		renamed := map[string]any{}
		for name, policies := range targets[kind].(map[string]any) {
			if kind == "components" {
				renamed[b.componentName(name)] = policies
			} else {
				renamed[b.name(name)] = policies
			}
		}
		targets[kind] = renamed
	}
	object.Object["spec"] = spec
	var apps []string
	for _, s := range catalogue {
		apps = append(apps, b.name(s.name))
	}
	object.Object["scopes"] = anys(apps)
	return object
}

// componentName is the name of the component for a block: the user's own, or the operator's.
func (b *builder) componentName(name string) string {
	for _, k := range b.blocks() {
		if k.name == name && k.spec != nil && k.spec.ComponentRef != nil {
			return k.spec.ComponentRef.Name
		}
	}
	return b.name(name)
}

// access is a Configuration for the sidecars of each app: who may call it, which secret it may read. All sidecars start anew at once when it
// changes, so what a change of the spec may touch is not in it.
func (b *builder) access() []client.Object {
	var out []client.Object
	for document := range bytes.SplitSeq(daprcomponents.Access(), []byte("\n---\n")) {
		parsed := parse(document)
		object := b.dapr("Configuration", parsed.GetName())
		spec := parsed.Object["spec"].(map[string]any)
		control := spec["accessControl"].(map[string]any)
		policies, _ := control["policies"].([]any)
		for _, policy := range policies {
			policy := policy.(map[string]any)
			policy["appId"] = b.name(policy["appId"].(string))
			policy["namespace"] = b.Namespace
			policy["trustDomain"] = control["trustDomain"]
			policy["defaultAction"] = "deny"
		}
		if secrets, ok := spec["secrets"].(map[string]any); ok {
			for _, scope := range secrets["scopes"].([]any) {
				scope := scope.(map[string]any)
				scope["storeName"] = b.name(scope["storeName"].(string))
				for i, name := range scope["allowedSecrets"].([]any) {
					scope["allowedSecrets"].([]any)[i] = b.name(name.(string))
				}
			}
		}
		object.Object["spec"] = spec
		out = append(out, object)
	}
	return out
}

// dapr is an empty resource of Dapr's.
func (b *builder) dapr(kind, part string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "dapr.io/v1alpha1", "kind": kind}}
	meta := b.meta(b.name(part), part)
	object.SetName(meta.Name)
	object.SetNamespace(meta.Namespace)
	object.SetLabels(meta.Labels)
	object.SetOwnerReferences(meta.OwnerReferences)
	return object
}

// settings is the ConfigMap that live settings are in, unless the user has a store of their own.
func (b *builder) settings() []client.Object {
	if b.Spec.Config != nil {
		return nil
	}
	data := map[string]string{}
	number := func(key string, value *int32) {
		if value != nil {
			data[key] = fmt.Sprint(*value)
		}
	}
	if s := b.Spec.Settings; s != nil {
		if signup := s.Signup; signup != nil {
			if signup.Mode != "" {
				data["signup.mode"] = signup.Mode
			}
			if signup.Timeout != nil {
				data["signup.timeout"] = signup.Timeout.Duration.String()
			}
		}
		if limits := s.Limits; limits != nil {
			number("limits.requestsPerUser", limits.RequestsPerUser)
			number("limits.requestsPerAddress", limits.RequestsPerAddress)
			number("limits.signupsPerAddress", limits.SignupsPerAddress)
			number("limits.loginsPerAddress", limits.LoginsPerAddress)
			number("limits.framesPerConnection", limits.FramesPerConnection)
		}
	}
	return []client.Object{&corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: b.meta(b.name("settings"), "settings"), Data: data,
	}}
}

// parse reads an embedded resource. Their form is checked where they are; here it can't be wrong.
func parse(content []byte) *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal(content, &object.Object); err != nil {
		panic(fmt.Sprintf("an embedded resource is broken: %v", err))
	}
	return object
}

func anys(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}
