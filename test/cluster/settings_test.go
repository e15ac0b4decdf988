//go:build cluster

package cluster_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"moim.dev/moim/operator/api/v1alpha1"
	users "moim.dev/moim/test/client"
)

// settings has signups be strict and lenient again while a service is away, which is what makes the difference, and restarts nothing.
func (s *suite) settings(t *testing.T) {
	s.change(t, func(spec *v1alpha1.ChatPlatformSpec) { spec.Services.Customer.Replicas = new(int32(0)) })
	s.awaitReady(t, time.Minute)
	before := s.running(t)
	tries := 0
	for _, c := range []struct{ mode, status string }{{"strict", "failed"}, {"lenient", "partial"}} {
		s.change(t, func(spec *v1alpha1.ChatPlatformSpec) {
			spec.Settings = &v1alpha1.SettingsSpec{Signup: &v1alpha1.SignupSettings{Mode: c.mode, Timeout: &metav1.Duration{Duration: time.Second}}}
		})
		began := time.Now()
		await(t, time.Minute, func(ctx context.Context) (string, error) {
			tries++
			records, err := visitor().SignUp(ctx, fmt.Sprintf("trier-%d", tries), password)
			if err != nil || len(records) == 0 {
				return "no answer to a signup", err
			}
			if last := records[len(records)-1]; last.Status != c.status {
				return fmt.Sprintf("a signup ends with %+v, want %s", last, c.status), nil
			}
			return "", nil
		})
		t.Logf("signups are %s after %s", c.mode, time.Since(began).Round(100*time.Millisecond))
	}
	if diff := cmp.Diff(before, s.running(t)); diff != "" {
		t.Errorf("pods have changed: %s", diff)
	}
	s.change(t, func(spec *v1alpha1.ChatPlatformSpec) { spec.Services.Customer.Replicas, spec.Settings = nil, nil })
	s.awaitReady(t, time.Minute)
	// What customer has missed has waited for it.
	await(t, time.Minute, func(ctx context.Context) (string, error) {
		late, err := visitor().LogIn(ctx, fmt.Sprintf("trier-%d", tries), password)
		if err != nil {
			return "", err
		}
		if err := late.Do(ctx, "GET", "/api/customer/me", nil, nil); err != nil {
			return "the customer's record is missing: " + users.Code(err), nil
		}
		return "", nil
	})
}
