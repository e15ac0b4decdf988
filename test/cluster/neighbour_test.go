//go:build cluster

package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"moim.dev/moim/operator/api/v1alpha1"
	users "moim.dev/moim/test/client"
)

// neighbour makes another platform in the same namespace, which has users, rooms and data of its own, and takes all of it away again.
func (s *suite) neighbour(t *testing.T) {
	const name, otherHost = "other", "other.test"
	p := &v1alpha1.ChatPlatform{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.ChatPlatformSpec{
			Ingress: &v1alpha1.IngressSpec{Host: otherHost}, Image: v1alpha1.ImageSpec{PullPolicy: s.pull},
			Trial: v1alpha1.TrialSpec{DeletionPolicy: v1alpha1.Delete},
		},
	}
	if err := s.Create(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	t.Logf("ready after %s", s.awaitReadyOf(t, name, 2*time.Minute).Round(100*time.Millisecond))

	there := users.Client{Base: "http://" + otherHost}
	await(t, 15*time.Second, func(ctx context.Context) (string, error) { // The ingress controller learns of it.
		err := (&users.Session{Client: there}).Do(ctx, "GET", "/api/chat/rooms", nil, nil)
		if users.Code(err) != "unauthenticated" {
			return fmt.Sprintf("a request without a token is answered with %v", err), nil
		}
		return "", nil
	})
	here := s.people[0] // That id is taken here, and free there.
	records, err := there.SignUp(t.Context(), here.UserID, password+" there")
	if err != nil || records[len(records)-1].Status != "complete" {
		t.Fatalf("signing up with a neighbour's id: %+v, %v", records, err)
	}
	if _, err := there.LogIn(t.Context(), here.UserID, password); users.Code(err) == "" {
		t.Errorf("logging in with the neighbour's password: %v", err)
	}
	namesake, err := there.LogIn(t.Context(), here.UserID, password+" there")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := namesake.History(t.Context(), s.room.ID, 0); users.Code(err) == "" {
		t.Errorf("reading a neighbour's room: %v", err)
	}
	intruder := users.Session{Client: visitor(), UserID: here.UserID, Access: namesake.Access}
	if err := intruder.Do(t.Context(), "GET", "/api/chat/rooms", nil, nil); users.Code(err) != "unauthenticated" {
		t.Errorf("a neighbour's token is answered with %v", err)
	}
	room, err := namesake.CreateRoom(t.Context(), "Next door", 2)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	m := users.NewMember(namesake, room.ID)
	go m.Run(ctx)
	m.Say("Is anybody here?")
	if err := m.Await(ctx, func(seen []users.Message, unsent int) bool { return unsent == 0 && len(seen) == 2 }); err != nil {
		t.Fatal(err)
	}
	cancel()

	if err := s.Delete(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	await(t, 2*time.Minute, func(ctx context.Context) (string, error) {
		secrets, volumes := &corev1.SecretList{}, &corev1.PersistentVolumeClaimList{}
		own := []client.ListOption{client.InNamespace(namespace), client.MatchingLabels{"moim.dev/platform": name}}
		err := errors.Join(s.List(ctx, secrets, own...), s.List(ctx, volumes, own...))
		if len(secrets.Items)+len(volumes.Items) > 0 {
			return fmt.Sprintf("%d Secrets and %d volumes are left", len(secrets.Items), len(volumes.Items)), err
		}
		return "", err
	})
	if s.awaitReady(t, time.Second); len(s.running(t)) == 0 {
		t.Error("the deletion took the neighbour's pods")
	}
}
