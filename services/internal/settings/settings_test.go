package settings

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	dapr "github.com/dapr/go-sdk/client"
)

func TestRules(t *testing.T) {
	mode, duration := OneOf("lenient", "strict"), Between(time.Second, 10*time.Minute)
	modes := func(raw string) error { _, err := mode(raw); return err }
	durations := func(raw string) error { _, err := duration(raw); return err }
	limits := func(raw string) error { _, err := Limit[int](raw); return err }
	for name, test := range map[string]struct {
		rule func(string) error
		raw  string
		want string // of the error; empty: none
	}{
		"a word of the list":              {modes, "strict", ""},
		"another word":                    {modes, "Strict", "lenient or strict"},
		"the shortest duration":           {durations, "1s", ""},
		"the longest duration":            {durations, "10m", ""},
		"a duration that is too short":    {durations, "999ms", "from 1s to 10m"},
		"a duration that is too long":     {durations, "601s", "from 1s to 10m"},
		"a duration without a unit":       {durations, "30", "from 1s to 10m"},
		"the smallest limit":              {limits, "1", ""},
		"the largest limit":               {limits, "1000000", ""},
		"no limit":                        {limits, "0", "from 1 to 1000000"},
		"a limit below none":              {limits, "-1", "from 1 to 1000000"},
		"a limit that is too large":       {limits, "1000001", "from 1 to 1000000"},
		"a limit that is no whole number": {limits, "2.5", "from 1 to 1000000"},
		"a limit that is no number":       {limits, "many", "from 1 to 1000000"},
	} {
		t.Run(name, func(t *testing.T) {
			err := test.rule(test.raw)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%q: %v, want %q", test.raw, err, test.want)
			}
		})
	}
}

// store answers as the test says.
type store struct {
	dapr.Client
	items map[string]string
	err   error
}

func (s *store) GetConfigurationItems(context.Context, string, []string, ...dapr.ConfigurationOpt) (map[string]*dapr.ConfigurationItem, error) {
	items := map[string]*dapr.ConfigurationItem{}
	for key, value := range s.items {
		items[key] = &dapr.ConfigurationItem{Value: value}
	}
	return items, s.err
}

func TestRead(t *testing.T) {
	const key = "limits.requestsPerUser"
	at := &store{items: map[string]string{}}
	s := New(at, "config", time.Hour)
	v := Add(s, key, 0, Limit[int])
	for _, step := range []struct {
		name    string
		items   map[string]string
		err     error
		changed bool
		want    int
	}{
		{"nothing is the service's own, whatever the rule says", nil, nil, false, 0},
		{"a bad value before any other leaves the service's own", map[string]string{key: "no"}, nil, true, 0},
		{"a value", map[string]string{key: "7"}, nil, true, 7},
		{"the same again", map[string]string{key: "7"}, nil, false, 7},
		{"a key that nobody follows", map[string]string{key: "7", "other": "1"}, nil, false, 7},
		{"a bad value", map[string]string{key: "0"}, nil, true, 7},
		{"the same bad value again", map[string]string{key: "0"}, nil, false, 7},
		{"a store that does not answer", nil, errors.New("away"), false, 7},
		{"a good value after a bad one", map[string]string{key: "8"}, nil, true, 8},
		{"a removed key", nil, nil, true, 0},
		{"an empty value is none", map[string]string{key: ""}, nil, false, 0},
	} {
		at.items, at.err = step.items, step.err
		changed, err := s.Read(t.Context())
		if changed != step.changed || (err != nil) != (step.err != nil) || v.Get() != step.want {
			t.Errorf("%s: changed %t, error %v, value %d; want %t, %v, %d", step.name, changed, err, v.Get(), step.changed, step.err, step.want)
		}
	}
}

func TestAddTwice(t *testing.T) {
	s := New(nil, "config", time.Hour)
	if !s.Empty() {
		t.Error("a new set is not empty")
	}
	Add(s, "signup.mode", "a", OneOf("a"))
	if s.Empty() {
		t.Error("a set with a setting is empty")
	}
	defer func() {
		if recover() == nil {
			t.Error("a key may be followed twice")
		}
	}()
	Add(s, "signup.mode", "a", OneOf("a"))
}
