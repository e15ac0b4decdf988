package build

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// TestPodsAreRestricted holds every pod against the restricted Pod Security Standard, as the admission plugin does.
func TestPodsAreRestricted(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	careless := corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{}}}}
	if policy.AggregateCheckResults(evaluator.EvaluatePod(restricted, &careless.ObjectMeta, &careless.Spec)).Allowed {
		t.Fatal("a pod that asks for nothing would pass")
	}
	for name, spec := range specs {
		pods := 0
		for _, stage := range build(t, platform("demo", spec), inputs()) {
			for _, object := range stage.Objects {
				var template corev1.PodTemplateSpec
				switch object := object.(type) {
				case *appsv1.Deployment:
					template = object.Spec.Template
				case *appsv1.StatefulSet:
					template = object.Spec.Template
				default:
					continue
				}
				pods++
				if result := policy.AggregateCheckResults(evaluator.EvaluatePod(restricted, &template.ObjectMeta, &template.Spec)); !result.Allowed {
					t.Errorf("%s: %s: %s", name, object.GetName(), result.ForbiddenDetail())
				}
			}
		}
		if pods < len(Services()) {
			t.Errorf("%s: only %d pods", name, pods)
		}
	}
}
