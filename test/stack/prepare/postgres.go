package prepare

import (
	"errors"
	"os/exec"
	"path/filepath"
)

// ErrNoPostgres says that there is no Postgres server on this machine.
var ErrNoPostgres = errors.New("there is no Postgres server on this machine; `make prepare` installs one")

// PostgresBin returns the folder with the programs of the newest Postgres server: Debian's, else the one on PATH.
func PostgresBin() (string, error) {
	// Debian keeps them off PATH, as several versions can be installed. All of them have two digits, so the last is the newest.
	servers, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(servers) > 0 {
		return filepath.Dir(servers[len(servers)-1]), nil
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		return filepath.Dir(path), nil
	}
	return "", ErrNoPostgres
}
