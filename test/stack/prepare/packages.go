package prepare

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// dependency is something that the machine must have, and the Debian packages that bring it.
type dependency struct {
	packages []string
	present  func(context.Context) bool
}

// toRun is needed by `make up`, toTest by the tests besides.
var (
	toRun = []dependency{
		{[]string{"postgresql"}, func(context.Context) bool { _, err := PostgresBin(); return err == nil }},
		{[]string{"redis-server"}, onPath("redis-server")},
		{[]string{"nodejs", "npm"}, hasNode},
	}
	toTest = []dependency{
		{[]string{"gcc", "libc6-dev"}, onPath("gcc")}, // the race detector
		{[]string{"chromium"}, onPath("chromium")},
		{[]string{"rabbitmq-server"}, onPath("rabbitmq-server")},
		{[]string{"nats-server"}, onPath("nats-server")},
		{[]string{"fonts-noto-cjk"}, hasFile("/usr/share/fonts/*/noto/NotoSansCJK*")},
	}
)

// Packages installs what the machine lacks to run the platform, and with tests also to test it. Without root's rights, or without apt,
// it returns an error that says what to install and how.
func Packages(ctx context.Context, tests bool, progress func(string)) error {
	wanted := toRun
	if tests {
		wanted = append(wanted[:len(wanted):len(wanted)], toTest...)
	}
	var missing []string
	for _, d := range wanted {
		if !d.present(ctx) {
			missing = append(missing, d.packages...)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	list := strings.Join(missing, " ")
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("this machine lacks what Debian calls %s; please install it", list)
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("this machine lacks some packages; please install them with\n\n    sudo apt-get install -y --no-install-recommends %s", list)
	}
	if err := install(ctx, missing, progress); err != nil {
		return err
	}
	for _, d := range wanted {
		if !d.present(ctx) {
			return fmt.Errorf("the installed %s are not what is needed (Node.js must be 18 or newer)", strings.Join(d.packages, " and "))
		}
	}
	return nil
}

// daemons are what Debian would have systemd start.
var daemons = []string{"redis-server.service", "rabbitmq-server.service", "epmd.service", "epmd.socket", "nats-server.service"}

// install installs packages, and keeps Debian from starting a Postgres, a Redis or a broker of its own, now or when the machine starts next:
// the stack starts its own.
func install(ctx context.Context, packages []string, progress func(string)) error {
	allow, err := forbidDaemons()
	if err != nil {
		return err
	}
	defer allow()
	for _, name := range packages {
		if name == "postgresql" {
			restore, err := withoutMainCluster(ctx, progress)
			if err != nil {
				return err
			}
			defer restore()
		}
	}
	enabled := func(daemon string) bool { return hasFile("/etc/systemd/system/*/" + daemon)(ctx) }
	fresh := slices.DeleteFunc(slices.Clone(daemons), enabled)
	if err := aptInstall(ctx, packages, progress); err != nil {
		return err
	}
	fresh = slices.DeleteFunc(fresh, func(daemon string) bool { return !enabled(daemon) })
	if len(fresh) == 0 || !onPath("systemctl")(ctx) {
		return nil
	}
	cmd := exec.CommandContext(ctx, "systemctl", append([]string{"disable"}, fresh...)...)
	return run(cmd, "keeping the system's own "+strings.Join(fresh, " ")+" from starting", progress)
}

// aptInstall installs packages. The lists of what there is are fetched only when the first attempt shows that they are missing or old.
func aptInstall(ctx context.Context, packages []string, progress func(string)) error {
	what := "installing " + strings.Join(packages, " ")
	first := run(apt(ctx, append([]string{"install", "-y", "--no-install-recommends"}, packages...)...), what, progress)
	if first == nil || ctx.Err() != nil {
		return first
	}
	if err := run(apt(ctx, "update"), "updating the lists of packages", progress); err != nil {
		return err
	}
	return run(apt(ctx, append([]string{"install", "-y", "--no-install-recommends"}, packages...)...), what, progress)
}

func apt(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "apt-get", args...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	return cmd
}

// forbidDaemons makes Debian install services without starting them, until allow is called.
func forbidDaemons() (allow func(), err error) {
	const policy = "/usr/sbin/policy-rc.d"
	if _, err := os.Stat(policy); err == nil {
		return func() {}, nil // somebody decided about this machine already
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("look at Debian's policy for services: %w", err)
	}
	if err := os.WriteFile(policy, []byte("#!/bin/sh\nexit 101\n"), 0o755); err != nil {
		return nil, fmt.Errorf("keep Debian from starting services: %w", err)
	}
	return func() { _ = os.Remove(policy) }, nil // gone already is as good
}

// withoutMainCluster makes Debian's Postgres packages create no database of their own, until restore is called.
func withoutMainCluster(ctx context.Context, progress func(string)) (restore func(), err error) {
	const settings = "/etc/postgresql-common/createcluster.conf"
	if err := aptInstall(ctx, []string{"postgresql-common"}, progress); err != nil {
		return nil, err
	}
	original, err := os.ReadFile(settings)
	if err != nil {
		return nil, fmt.Errorf("read Debian's settings for databases: %w", err)
	}
	changed := append(original[:len(original):len(original)], "\ncreate_main_cluster = false\n"...)
	if err := os.WriteFile(settings, changed, 0o644); err != nil {
		return nil, fmt.Errorf("keep Debian from creating a database: %w", err)
	}
	return func() {
		if err := os.WriteFile(settings, original, 0o644); err != nil {
			progress(fmt.Sprintf("%s could not be restored: %v; its last line is ours", settings, err))
		}
	}, nil
}

func onPath(name string) func(context.Context) bool {
	return func(context.Context) bool { _, err := exec.LookPath(name); return err == nil }
}

func hasFile(pattern string) func(context.Context) bool {
	return func(context.Context) bool { found, err := filepath.Glob(pattern); return err == nil && len(found) > 0 }
}
