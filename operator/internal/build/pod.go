package build

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
)

// nonRoot is the user that services run as.
const nonRoot = 65532

// podTemplate is a service's pod, with the spec's patch over it.
func (b *builder) podTemplate(s *service) (corev1.PodTemplateSpec, error) {
	override := s.override(&b.Spec.Services)
	resources := s.resources(override)
	template := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: b.labels(s.name), Annotations: b.annotations(s)},
		Spec: corev1.PodSpec{
			ServiceAccountName:            b.name(s.name),
			AutomountServiceAccountToken:  new(false),
			EnableServiceLinks:            new(false),
			ImagePullSecrets:              b.Spec.Image.PullSecrets,
			SecurityContext:               podSecurity(nonRoot),
			TerminationGracePeriodSeconds: new(s.delay + s.drain + 15),
			TopologySpreadConstraints: []corev1.TopologySpreadConstraint{{
				MaxSkew: 1, TopologyKey: corev1.LabelHostname, WhenUnsatisfiable: corev1.ScheduleAnyway,
				LabelSelector: &metav1.LabelSelector{MatchLabels: b.selector(s.name)},
			}},
			Containers: []corev1.Container{{
				Name: s.name, Image: b.image(s.name), ImagePullPolicy: b.Spec.Image.PullPolicy,
				Env: b.environment(s, resources), Resources: resources, SecurityContext: containerSecurity(),
				Ports: []corev1.ContainerPort{
					{Name: "http", ContainerPort: portApp, Protocol: corev1.ProtocolTCP},
					{Name: "admin", ContainerPort: portAdmin, Protocol: corev1.ProtocolTCP},
				},
				// A service waits two minutes for its sidecar, and one for its database.
				StartupProbe:             probe("/livez", 1, 240),
				LivenessProbe:            probe("/livez", 10, 3),
				ReadinessProbe:           probe("/readyz", 2, 2),
				TerminationMessagePath:   corev1.TerminationMessagePathDefault,
				TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
			}},
		},
	}
	if len(b.rules(s)) > 0 {
		template.Spec.Volumes = []corev1.Volume{accessVolume()}
	}
	if override.PodTemplate != nil && len(override.PodTemplate.Raw) > 0 {
		patched, err := patch(template, override.PodTemplate.Raw)
		if err != nil {
			return template, &FieldError{"spec.services." + s.name + ".podTemplate", "not a strategic merge patch of a pod template: " + err.Error()}
		}
		template = patched
	}
	return template, b.check(s, &template)
}

// check finds what the cluster would refuse, or never get to work, because of the spec's overrides.
func (b *builder) check(s *service, template *corev1.PodTemplateSpec) error {
	field := "spec.services." + s.name
	for name, value := range b.labels(s.name) {
		if template.Labels[name] != value {
			return &FieldError{field + ".podTemplate", fmt.Sprintf("leave the label %s as it is, %s: the pods are found by it", name, value)}
		}
	}
	i := slices.IndexFunc(template.Spec.Containers, func(c corev1.Container) bool { return c.Name == s.name })
	if i < 0 {
		return &FieldError{field + ".podTemplate", fmt.Sprintf("leave the container %s in: it is the service", s.name)}
	}
	resources := template.Spec.Containers[i].Resources
	if _, requested := resources.Requests[corev1.ResourceCPU]; !requested && s.override(&b.Spec.Services).Autoscaling != nil {
		if _, limited := resources.Limits[corev1.ResourceCPU]; !limited {
			return &FieldError{field + ".resources", "set requests.cpu: the autoscaler measures use by it"}
		}
	}
	return nil
}

func patch(template corev1.PodTemplateSpec, patch []byte) (patched corev1.PodTemplateSpec, err error) {
	original, err := json.Marshal(template)
	if err != nil {
		return patched, fmt.Errorf("encode: %w", err)
	}
	merged, err := strategicpatch.StrategicMergePatch(original, patch, corev1.PodTemplateSpec{})
	if err != nil {
		return patched, err //nolint:wrapcheck // The caller says what it is about.
	}
	decoder := json.NewDecoder(strings.NewReader(string(merged)))
	decoder.DisallowUnknownFields()
	err = decoder.Decode(&patched)
	return patched, err
}

// annotations have Dapr put a sidecar into the pod, and restart the pod when the Secret that the service read at its start has changed.
func (b *builder) annotations(s *service) map[string]string {
	token := b.name(s.name + "-token")
	out := map[string]string{
		"dapr.io/enabled":          "true",
		"dapr.io/app-id":           b.name(s.name),
		"dapr.io/app-port":         strconv.Itoa(portApp),
		"dapr.io/app-protocol":     "http",
		"dapr.io/config":           b.name(s.name),
		"dapr.io/api-token-secret": token,
		"dapr.io/app-token-secret": token,
		// Events come only while the service says that it takes them.
		"dapr.io/enable-app-health-check":   "true",
		"dapr.io/app-health-check-path":     "/healthz",
		"dapr.io/app-health-probe-interval": "1",
		"dapr.io/app-health-probe-timeout":  "1000",
		// SIGTERM reaches both at once. The sidecar goes on until the service has drained, which its health check tells.
		"dapr.io/block-shutdown-duration":      strconv.FormatInt(s.delay+s.drain+2, 10) + "s",
		"dapr.io/graceful-shutdown-seconds":    "5",
		"dapr.io/read-buffer-size":             "16Ki", // An access token and a browser's headers exceed the default of 4 KiB.
		"dapr.io/disable-init-endpoints":       "config,subscribe",
		"dapr.io/metrics-port":                 strconv.Itoa(portMetrics),
		"dapr.io/log-level":                    "warn",
		"dapr.io/log-as-json":                  "true",
		"dapr.io/sidecar-cpu-request":          "20m",
		"dapr.io/sidecar-memory-request":       "64Mi",
		"dapr.io/sidecar-memory-limit":         "512Mi",
		"dapr.io/sidecar-seccomp-profile-type": "RuntimeDefault",
	}
	if len(b.rules(s)) > 0 {
		out["dapr.io/volume-mounts"] = accessName + ":/var/run/secrets/kubernetes.io/serviceaccount"
	}
	if tracing := b.Spec.Observability.Tracing; tracing != nil {
		out["dapr.io/env"] = "OTEL_EXPORTER_OTLP_ENDPOINT=" + tracing.Endpoint + ",OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"
		if strings.HasPrefix(tracing.Endpoint, "http://") {
			out["dapr.io/env"] += ",OTEL_EXPORTER_OTLP_INSECURE=true"
		}
	}
	read := maps.Clone(b.data[token])
	maps.Copy(read, b.data[b.name(s.name)])
	out["moim.dev/secret-checksum"] = checksum(read)
	return out
}

// environment of a service, with the spec's variables over the operator's.
func (b *builder) environment(s *service, resources corev1.ResourceRequirements) []corev1.EnvVar {
	token := &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
		LocalObjectReference: corev1.LocalObjectReference{Name: b.name(s.name + "-token")}, Key: keyToken,
	}}
	env := []corev1.EnvVar{
		{Name: "POD_NAME", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.name"}}},
		{Name: "DAPR_API_TOKEN", ValueFrom: token},
		{Name: "APP_API_TOKEN", ValueFrom: token},
		{Name: "MOIM_PREFIX", Value: b.Name + "-"},
		{Name: "MOIM_DRAIN_DELAY", Value: fmt.Sprintf("%ds", s.delay)},
		{Name: "MOIM_DRAIN_TIMEOUT", Value: fmt.Sprintf("%ds", s.drain)},
	}
	if limit, ok := resources.Limits[corev1.ResourceMemory]; ok {
		// The garbage collector works harder before the limit is reached, at which the kernel would end the service.
		env = append(env, corev1.EnvVar{Name: "GOMEMLIMIT", Value: strconv.FormatInt(limit.Value()/10*9, 10)})
	}
	for _, block := range s.blocks {
		if name := b.componentName(block); name != b.name(block) {
			env = append(env, corev1.EnvVar{Name: "MOIM_COMPONENT_" + strings.ToUpper(block), Value: name})
		}
	}
	if s.name == "gateway" {
		env = append(env, corev1.EnvVar{Name: "MOIM_REALTIME_ADDRS", Value: fmt.Sprintf("%s:%d", b.name("realtime"), portApp)})
		if b.Spec.Ingress != nil {
			// The ingress controller is in the cluster, at an address that nobody knows beforehand.
			env = append(env, corev1.EnvVar{Name: "MOIM_TRUSTED_PROXIES", Value: "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,100.64.0.0/10,fc00::/7"})
		}
	}
	if tracing := b.Spec.Observability.Tracing; tracing != nil {
		env = append(env, corev1.EnvVar{Name: "OTEL_EXPORTER_OTLP_ENDPOINT", Value: tracing.Endpoint})
	}
	for _, own := range s.override(&b.Spec.Services).Env {
		i := slices.IndexFunc(env, func(e corev1.EnvVar) bool { return e.Name == own.Name })
		if i < 0 {
			env = append(env, own)
			continue
		}
		env[i] = own
	}
	return env
}

const accessName = "kube-api-access"

// accessVolume is what the sidecar reads Secrets and settings with. The service itself has no access to the API server.
func accessVolume() corev1.Volume {
	return corev1.Volume{Name: accessName, VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
		DefaultMode: new(int32(0o444)),
		Sources: []corev1.VolumeProjection{
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token", ExpirationSeconds: new(int64(3607))}},
			{ConfigMap: &corev1.ConfigMapProjection{
				LocalObjectReference: corev1.LocalObjectReference{Name: "kube-root-ca.crt"}, Items: []corev1.KeyToPath{{Key: "ca.crt", Path: "ca.crt"}},
			}},
			{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{
				{Path: "namespace", FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.namespace"}},
			}}},
		},
	}}}
}

func probe(path string, period, failures int32) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
			Path: path, Port: intstr.FromString("admin"), Scheme: corev1.URISchemeHTTP,
		}},
		PeriodSeconds: period, FailureThreshold: failures, TimeoutSeconds: 3, SuccessThreshold: 1,
	}
}

// podSecurity and containerSecurity meet the restricted Pod Security Standard.
func podSecurity(user int64) *corev1.PodSecurityContext {
	return &corev1.PodSecurityContext{
		RunAsNonRoot: new(true), RunAsUser: &user, RunAsGroup: &user, FSGroup: &user,
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
}

func containerSecurity() *corev1.SecurityContext {
	return &corev1.SecurityContext{
		AllowPrivilegeEscalation: new(false), ReadOnlyRootFilesystem: new(true),
		Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
	}
}
