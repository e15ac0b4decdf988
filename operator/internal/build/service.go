package build

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Ports of every service.
const (
	portApp     = 8080
	portAdmin   = 9090
	portSidecar = 50002 // Where sidecars call each other.
	portMetrics = 9091  // Of the sidecar.
)

// service is everything that runs one service.
func (b *builder) service(s *service) ([]client.Object, error) {
	override := s.override(&b.Spec.Services)
	template, err := b.podTemplate(s)
	if err != nil {
		return nil, err
	}
	out := []client.Object{b.workload(s, template), b.networkService(s)}
	if several(override) {
		out = append(out, &policyv1.PodDisruptionBudget{
			TypeMeta:   metav1.TypeMeta{APIVersion: "policy/v1", Kind: "PodDisruptionBudget"},
			ObjectMeta: b.meta(b.name(s.name), s.name),
			Spec: policyv1.PodDisruptionBudgetSpec{
				MaxUnavailable: new(intstr.FromInt32(1)), Selector: &metav1.LabelSelector{MatchLabels: b.selector(s.name)},
				// One that isn't ready serves nobody, and would keep its node from being drained for good.
				UnhealthyPodEvictionPolicy: new(policyv1.AlwaysAllow),
			},
		})
	}
	if override.Autoscaling != nil {
		out = append(out, b.autoscaler(s))
	}
	if b.Spec.Observability.ServiceMonitors && b.in.ServiceMonitors {
		out = append(out, b.monitor(s))
	}
	return out, nil
}

// workload is a Deployment, or a StatefulSet for what is stateful.
func (b *builder) workload(s *service, template corev1.PodTemplateSpec) client.Object {
	meta, selector := b.meta(b.name(s.name), s.name), &metav1.LabelSelector{MatchLabels: b.selector(s.name)}
	if s.stateful {
		return &appsv1.StatefulSet{
			TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "StatefulSet"}, ObjectMeta: meta,
			Spec: appsv1.StatefulSetSpec{
				Replicas: replicas(s.override(&b.Spec.Services)), ServiceName: b.name(s.name), Selector: selector, Template: template,
				PodManagementPolicy: appsv1.ParallelPodManagement, // At the first start and when scaling; a rollout is one after the other.
				UpdateStrategy:      appsv1.StatefulSetUpdateStrategy{Type: appsv1.RollingUpdateStatefulSetStrategyType},
			},
		}
	}
	return &appsv1.Deployment{
		TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"}, ObjectMeta: meta,
		Spec: appsv1.DeploymentSpec{
			Replicas: replicas(s.override(&b.Spec.Services)), Selector: selector, Template: template,
			Strategy: appsv1.DeploymentStrategy{
				Type:          appsv1.RollingUpdateDeploymentStrategyType,
				RollingUpdate: &appsv1.RollingUpdateDeployment{MaxUnavailable: new(intstr.FromInt32(0)), MaxSurge: new(intstr.FromInt32(1))},
			},
			ProgressDeadlineSeconds: new(int32(300)),
			RevisionHistoryLimit:    new(int32(3)),
		},
	}
}

func (b *builder) networkService(s *service) client.Object {
	return &corev1.Service{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}, ObjectMeta: b.meta(b.name(s.name), s.name),
		Spec: corev1.ServiceSpec{
			Selector: b.selector(s.name),
			Ports: []corev1.ServicePort{
				{Name: "http", Port: portApp, TargetPort: intstr.FromString("http"), Protocol: corev1.ProtocolTCP},
				{Name: "metrics", Port: portAdmin, TargetPort: intstr.FromString("admin"), Protocol: corev1.ProtocolTCP},
			},
		},
	}
}

func (b *builder) autoscaler(s *service) client.Object {
	scaling, kind := s.override(&b.Spec.Services).Autoscaling, "Deployment"
	if s.stateful {
		kind = "StatefulSet"
	}
	return &autoscalingv2.HorizontalPodAutoscaler{
		TypeMeta:   metav1.TypeMeta{APIVersion: "autoscaling/v2", Kind: "HorizontalPodAutoscaler"},
		ObjectMeta: b.meta(b.name(s.name), s.name),
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: kind, Name: b.name(s.name)},
			MinReplicas:    &scaling.MinReplicas, MaxReplicas: scaling.MaxReplicas,
			Metrics: []autoscalingv2.MetricSpec{{
				// Of the service's own container: what its sidecar requests says nothing about it.
				Type: autoscalingv2.ContainerResourceMetricSourceType,
				ContainerResource: &autoscalingv2.ContainerResourceMetricSource{
					Name: corev1.ResourceCPU, Container: s.name,
					Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: &scaling.TargetCPU},
				},
			}},
		},
	}
}

// monitor has the Prometheus Operator read a service's metrics.
func (b *builder) monitor(s *service) client.Object {
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor",
		"spec": map[string]any{
			"selector":  map[string]any{"matchLabels": map[string]any{LabelPlatform: b.Name, LabelService: s.name}},
			"endpoints": []any{map[string]any{"port": "metrics", "path": "/metrics"}},
		},
	}}
	meta := b.meta(b.name(s.name), s.name)
	object.SetName(meta.Name)
	object.SetNamespace(meta.Namespace)
	object.SetLabels(meta.Labels)
	object.SetOwnerReferences(meta.OwnerReferences)
	return object
}

// image is <registry>/<service>:<version>.
func (b *builder) image(service string) string {
	registry := b.in.Registry
	if b.Spec.Image.Registry != "" {
		registry = b.Spec.Image.Registry
	}
	return fmt.Sprintf("%s/%s:%s", registry, service, Version(b.ChatPlatform, b.in))
}
