package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moim.dev/moim/operator/internal/controller"
)

func TestFlags(t *testing.T) {
	got, err := parse([]string{"-default-version=0.2.0", "-namespaces=a, b", "-leader-elect", "-leader-election-id=ours", "-log-level=debug"})
	if err != nil {
		t.Fatal(err)
	}
	want := controller.Options{Version: "0.2.0", Registry: "moim", RedisImage: "redis:7", PostgresImage: "postgres:15"}
	if diff := cmp.Diff(want, got.platforms); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if names := got.watched(); len(names) != 2 || names[0] != "a" || names[1] != "b" || !got.leaderElection || got.lease != "ours" {
		t.Errorf("%+v", got)
	}
}

func TestWrongFlags(t *testing.T) {
	for want, args := range map[string][]string{
		"-default-version": {},
		"log-level":        {"-default-version=1", "-log-level=loud"},
		"nosuch":           {"-default-version=1", "-nosuch"},
		"unexpected":       {"-default-version=1", "more"},
	} {
		if _, err := parse(args); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want something about %s", args, err, want)
		}
	}
}
