package build

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"moim.dev/moim/operator/api/v1alpha1"
)

// ingress is the way in from outside: /ws goes straight to realtime, everything else through the gateway. The annotations have
// ingress-nginx pass event streams as they come and keep quiet connections; controllers that do so by themselves ignore them.
func (b *builder) ingress() client.Object {
	spec := b.Spec.Ingress
	meta := b.meta(b.name("ingress"), "ingress")
	meta.Annotations = map[string]string{
		"nginx.ingress.kubernetes.io/proxy-buffering":    "off",
		"nginx.ingress.kubernetes.io/proxy-read-timeout": "3600",
		"nginx.ingress.kubernetes.io/proxy-send-timeout": "3600",
		"nginx.ingress.kubernetes.io/proxy-body-size":    "2m",
	}
	for name, value := range spec.Annotations {
		meta.Annotations[name] = value
	}
	path := func(path, service string) networkingv1.HTTPIngressPath {
		return networkingv1.HTTPIngressPath{
			Path: path, PathType: new(networkingv1.PathTypePrefix),
			Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
				Name: b.name(service), Port: networkingv1.ServiceBackendPort{Name: "http"},
			}},
		}
	}
	ingress := &networkingv1.Ingress{
		TypeMeta: metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "Ingress"}, ObjectMeta: meta,
		Spec: networkingv1.IngressSpec{
			IngressClassName: spec.ClassName,
			Rules: []networkingv1.IngressRule{{Host: spec.Host, IngressRuleValue: networkingv1.IngressRuleValue{
				HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{path("/ws", "realtime"), path("/", "gateway")}},
			}}},
		},
	}
	if spec.TLS != nil {
		ingress.Spec.TLS = []networkingv1.IngressTLS{{Hosts: []string{spec.Host}, SecretName: spec.TLS.SecretName}}
	}
	return ingress
}

// URL is where people find the platform; empty without an ingress.
func URL(p *v1alpha1.ChatPlatform) string {
	switch ingress := p.Spec.Ingress; {
	case ingress == nil:
		return ""
	case ingress.TLS != nil:
		return "https://" + ingress.Host
	default:
		return "http://" + ingress.Host
	}
}

// networkPolicies let in: from anywhere (or as the spec says) to the edges, from sidecar to sidecar within the platform, from the services to
// the trial stores, and whoever collects metrics. What leaves the pods is not restricted: brokers and databases may be anywhere.
func (b *builder) networkPolicies() []client.Object {
	if enabled := b.Spec.NetworkPolicy.Enabled; enabled != nil && !*enabled {
		return nil
	}
	own := []networkingv1.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{LabelPlatform: b.Name}}}}
	var outside []networkingv1.NetworkPolicyPeer // None is everybody.
	for _, peer := range b.Spec.NetworkPolicy.IngressFrom {
		outside = append(outside, networkingv1.NetworkPolicyPeer{NamespaceSelector: peer.NamespaceSelector, PodSelector: peer.PodSelector})
	}
	if outside != nil {
		outside = append(outside, own...)
	}
	var out []client.Object
	for _, s := range catalogue {
		rules := []networkingv1.NetworkPolicyIngressRule{
			{From: own, Ports: ports(portSidecar)},
			{Ports: ports(portAdmin, portMetrics)},
		}
		if s.name == "gateway" || s.name == "realtime" {
			rules = append(rules, networkingv1.NetworkPolicyIngressRule{From: outside, Ports: ports(portApp)})
		}
		out = append(out, b.networkPolicy(s.name, rules))
	}
	if b.trialPostgres() {
		out = append(out, b.networkPolicy("postgres", []networkingv1.NetworkPolicyIngressRule{{From: own, Ports: ports(5432)}}))
	}
	if b.trialRedis() {
		out = append(out, b.networkPolicy("redis", []networkingv1.NetworkPolicyIngressRule{{From: own, Ports: ports(6379)}}))
	}
	return out
}

func (b *builder) networkPolicy(part string, rules []networkingv1.NetworkPolicyIngressRule) client.Object {
	return &networkingv1.NetworkPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"},
		ObjectMeta: b.meta(b.name(part), part),
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: b.selector(part)},
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
			Ingress:     rules,
		},
	}
}

func ports(numbers ...int32) []networkingv1.NetworkPolicyPort {
	out := make([]networkingv1.NetworkPolicyPort, len(numbers))
	for i, n := range numbers {
		out[i] = networkingv1.NetworkPolicyPort{Protocol: new(corev1.ProtocolTCP), Port: new(intstr.FromInt32(n))}
	}
	return out
}
