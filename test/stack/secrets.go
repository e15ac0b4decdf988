package stack

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"slices"
)

// secrets is what Dapr's secret store serves: by app (and for postgres and redis themselves), then by key.
type secrets map[string]map[string]string

// stateless apps have no database, and so no role in it.
var stateless = []string{"gateway", "realtime", "participant"}

// loadSecrets reads the secrets of an earlier start, so that its data can be opened again, and adds those that are missing.
func loadSecrets(path string, apps []string) (secrets, error) {
	s := secrets{}
	content, err := os.ReadFile(path)
	switch {
	case err == nil:
		if err := json.Unmarshal(content, &s); err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("read the secrets: %w", err)
	}

	s.once("postgres", "password", rand.Text)
	s.once("redis", "password", rand.Text)
	for _, app := range apps {
		if !slices.Contains(stateless, app) {
			s.once(app, "password", rand.Text)
		}
	}
	s.once("auth", "adminPassword", rand.Text)
	s.once("auth", "keySecret", func() string {
		key := make([]byte, 32)
		rand.Read(key) // never fails
		return base64.StdEncoding.EncodeToString(key)
	})
	return s, nil
}

// setDSNs writes each app's DSN, which changes with the port that Postgres got this time.
func (s secrets) setDSNs(postgresAddr string) {
	for app, values := range s {
		if app != "redis" && values["password"] != "" {
			dsn := url.URL{Scheme: "postgres", Host: postgresAddr, Path: "/" + databaseName, User: url.UserPassword(app, values["password"])}
			values["dsn"] = dsn.String()
		}
	}
}

// save replaces the file at once, so that a full disk never leaves half of it.
func (s secrets) save(path string) error {
	content, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the secrets: %w", err)
	}
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		return fmt.Errorf("write the secrets: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write the secrets: %w", err)
	}
	return nil
}

// once sets a value that isn't there yet.
func (s secrets) once(name, key string, value func() string) {
	if s[name] == nil {
		s[name] = map[string]string{}
	}
	if s[name][key] == "" {
		s[name][key] = value()
	}
}
