package app

import (
	"errors"
	"fmt"
	"net"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// Config is the configuration that all services share. Names without MOIM_ are Dapr's and Kubernetes' own.
type Config struct {
	Addr      string `env:"MOIM_ADDR" envDefault:":8080"`
	AdminAddr string `env:"MOIM_ADMIN_ADDR" envDefault:":9090"`
	Replica   string `env:"POD_NAME"`
	// Prefix stands before every app id, component and secret of this platform, where it shares a namespace with others.
	Prefix string `env:"MOIM_PREFIX"`
	// Components that are not called <prefix><name>.
	ComponentEvents string `env:"MOIM_COMPONENT_EVENTS"`
	ComponentFanout string `env:"MOIM_COMPONENT_FANOUT"`
	ComponentState  string `env:"MOIM_COMPONENT_STATE"`
	ComponentLock   string `env:"MOIM_COMPONENT_LOCK"`
	ComponentConfig string `env:"MOIM_COMPONENT_CONFIG"`

	LogFormat    string `env:"MOIM_LOG_FORMAT" envDefault:"json"`
	LogLevel     string `env:"MOIM_LOG_LEVEL" envDefault:"info"`
	SidecarHTTP  int    `env:"DAPR_HTTP_PORT" envDefault:"3500"`
	SidecarGRPC  int    `env:"DAPR_GRPC_PORT" envDefault:"50001"`
	SidecarToken string `env:"DAPR_API_TOKEN" secret:"true"`
	AppToken     string `env:"APP_API_TOKEN,required,notEmpty" secret:"true"`
	// DrainDelay is how long a replica that is to stop takes requests as ever, though it is not ready any more and gets no events.
	DrainDelay   time.Duration `env:"MOIM_DRAIN_DELAY" envDefault:"0s"`
	DrainTimeout time.Duration `env:"MOIM_DRAIN_TIMEOUT" envDefault:"20s"`
	// DatabaseConns bounds the pool of one replica.
	DatabaseConns int32 `env:"MOIM_DATABASE_CONNS" envDefault:"10"`
	// SettingsReread is how often the configuration store is read when it has told of nothing.
	SettingsReread time.Duration `env:"MOIM_SETTINGS_REREAD" envDefault:"30s"`
}

// Validate says which setting breaks which rule.
func (c *Config) Validate() error {
	switch {
	case c.LogFormat != "json" && c.LogFormat != "text":
		return fmt.Errorf("MOIM_LOG_FORMAT is %q, expected json or text", c.LogFormat)
	case c.DrainDelay < 0 || c.DrainTimeout <= 0:
		return errors.New("MOIM_DRAIN_DELAY must be 0 or more, MOIM_DRAIN_TIMEOUT more than 0")
	case c.DatabaseConns < 4:
		return fmt.Errorf("MOIM_DATABASE_CONNS is %d, expected 4 or more", c.DatabaseConns)
	case c.SettingsReread <= 0:
		return fmt.Errorf("MOIM_SETTINGS_REREAD is %s, expected more than 0", c.SettingsReread)
	}
	return nil
}

func (c *Config) names() *names {
	n := &names{prefix: c.Prefix, components: map[string]string{}}
	for name, own := range map[string]string{
		PubSubEvents: c.ComponentEvents, PubSubFanout: c.ComponentFanout, StateStore: c.ComponentState, LockStore: c.ComponentLock,
		ConfigStore: c.ComponentConfig,
	} {
		if own != "" {
			n.components[name] = own
		}
	}
	return n
}

func (c *Config) sidecarHTTP() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(c.SidecarHTTP))
}
func (c *Config) sidecarGRPC() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(c.SidecarGRPC))
}

// load reads the environment into each struct and validates those that can be.
func load(targets ...any) error {
	for _, target := range targets {
		if err := env.Parse(target); err != nil {
			return fmt.Errorf("configuration: %w", err)
		}
		if v, ok := target.(interface{ Validate() error }); ok {
			if err := v.Validate(); err != nil {
				return fmt.Errorf("configuration: %w", err)
			}
		}
	}
	return nil
}

// dump writes each setting as NAME=value, with those tagged secret:"true" masked.
func dump(targets ...any) string {
	var out []string
	for _, target := range targets {
		v := reflect.ValueOf(target).Elem()
		for i := range v.NumField() {
			field := v.Type().Field(i)
			name, _, _ := strings.Cut(field.Tag.Get("env"), ",")
			value := fmt.Sprint(v.Field(i).Interface())
			if field.Tag.Get("secret") == "true" && value != "" {
				value = "***"
			}
			out = append(out, name+"="+value)
		}
	}
	return strings.Join(out, " ")
}
