package build

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"moim.dev/moim/operator/api/v1alpha1"
)

// storeUser is the user of the official images of Redis and Postgres.
const storeUser = 999

// stores are the Redis and the Postgres that the operator brings where none is named. Each has one replica and no backup.
func (b *builder) stores() []client.Object {
	var out []client.Object
	if b.trialPostgres() {
		out = append(out, b.store("postgres", 5432, b.postgres())...)
	}
	if b.trialRedis() {
		out = append(out, b.store("redis", 6379, b.redis())...)
	}
	return out
}

func (b *builder) redis() corev1.PodSpec {
	return corev1.PodSpec{
		Containers: []corev1.Container{{
			Name: "redis", Image: b.in.RedisImage,
			Command: []string{"redis-server"}, Args: []string{"/etc/redis/redis.conf"},
			Env:            []corev1.EnvVar{b.storePassword("REDISCLI_AUTH", "redis")},
			ReadinessProbe: ask("redis-cli", "-e", "ping"),
			VolumeMounts: []corev1.VolumeMount{
				{Name: "data", MountPath: "/data"},
				{Name: "config", MountPath: "/etc/redis", ReadOnly: true},
			},
		}},
		Volumes: []corev1.Volume{{Name: "config", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{
			SecretName: b.name("redis"), DefaultMode: new(int32(0o440)), Items: []corev1.KeyToPath{{Key: "redis.conf", Path: "redis.conf"}},
		}}}},
	}
}

func (b *builder) postgres() corev1.PodSpec {
	return corev1.PodSpec{
		Containers: []corev1.Container{{
			Name: "postgres", Image: b.in.PostgresImage,
			Args: []string{"postgres", "-c", "max_connections=300"}, // During a rollout each service has its connections twice.
			Env: []corev1.EnvVar{
				{Name: "POSTGRES_USER", Value: "moim"},
				{Name: "POSTGRES_DB", Value: "moim"},
				{Name: "PGDATA", Value: "/var/lib/postgresql/data/pgdata"},
				b.storePassword("POSTGRES_PASSWORD", "postgres"),
			},
			ReadinessProbe: ask("pg_isready", "--host=127.0.0.1", "--username=moim", "--dbname=moim"),
			VolumeMounts: []corev1.VolumeMount{
				{Name: "data", MountPath: "/var/lib/postgresql/data"},
				{Name: "run", MountPath: "/var/run/postgresql"},
				{Name: "tmp", MountPath: "/tmp"},
			},
		}},
		Volumes: []corev1.Volume{
			{Name: "run", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
			{Name: "tmp", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
		},
	}
}

// store is a StatefulSet with one replica and a volume, and its Service.
func (b *builder) store(name string, port int32, pod corev1.PodSpec) []client.Object {
	container := &pod.Containers[0]
	container.Ports = []corev1.ContainerPort{{Name: name, ContainerPort: port, Protocol: corev1.ProtocolTCP}}
	container.SecurityContext = containerSecurity()
	container.TerminationMessagePath = corev1.TerminationMessagePathDefault
	container.TerminationMessagePolicy = corev1.TerminationMessageFallbackToLogsOnError
	container.Resources = corev1.ResourceRequirements{
		Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("50m"), corev1.ResourceMemory: resource.MustParse("128Mi")},
		Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1Gi")},
	}
	pod.SecurityContext = podSecurity(storeUser)
	pod.ImagePullSecrets = b.Spec.Image.PullSecrets
	pod.AutomountServiceAccountToken = new(false)
	pod.EnableServiceLinks = new(false)
	pod.TerminationGracePeriodSeconds = new(int64(60))
	retention := appsv1.RetainPersistentVolumeClaimRetentionPolicyType
	if b.Spec.Trial.DeletionPolicy == v1alpha1.Delete {
		retention = appsv1.DeletePersistentVolumeClaimRetentionPolicyType
	}
	size := resource.MustParse("1Gi")
	if b.Spec.Trial.StorageSize != nil {
		size = *b.Spec.Trial.StorageSize
	}
	labels := b.labels(name)
	labels["moim.dev/for"] = "trial"
	meta := b.meta(b.name(name), name)
	meta.Labels = labels
	return []client.Object{
		&appsv1.StatefulSet{
			TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "StatefulSet"}, ObjectMeta: meta,
			Spec: appsv1.StatefulSetSpec{
				Replicas: new(int32(1)), ServiceName: b.name(name), Selector: &metav1.LabelSelector{MatchLabels: b.selector(name)},
				PodManagementPolicy: appsv1.ParallelPodManagement, // Else a pod that never came up isn't replaced by one that is mended.
				Template:            corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: pod},
				VolumeClaimTemplates: []corev1.PersistentVolumeClaim{{
					TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "PersistentVolumeClaim"},
					ObjectMeta: metav1.ObjectMeta{Name: "data", Labels: b.selector(name)},
					Spec: corev1.PersistentVolumeClaimSpec{
						AccessModes:      []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
						Resources:        corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: size}},
						StorageClassName: b.Spec.Trial.StorageClassName,
					},
				}},
				PersistentVolumeClaimRetentionPolicy: &appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{
					WhenDeleted: retention, WhenScaled: appsv1.RetainPersistentVolumeClaimRetentionPolicyType,
				},
			},
		},
		&corev1.Service{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}, ObjectMeta: meta,
			Spec: corev1.ServiceSpec{
				Selector: b.selector(name),
				Ports:    []corev1.ServicePort{{Name: name, Port: port, TargetPort: intstr.FromString(name), Protocol: corev1.ProtocolTCP}},
			},
		},
	}
}

func (b *builder) storePassword(variable, store string) corev1.EnvVar {
	return corev1.EnvVar{Name: variable, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
		LocalObjectReference: corev1.LocalObjectReference{Name: b.name(store)}, Key: keyPassword,
	}}}
}

// ask is a probe that runs a program in the container.
func ask(command ...string) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler:  corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: command}},
		PeriodSeconds: 2, FailureThreshold: 3, TimeoutSeconds: 3, SuccessThreshold: 1,
	}
}
