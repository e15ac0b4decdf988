package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"moim.dev/moim/services/internal/app"
	"moim.dev/moim/services/internal/outbox"
	"moim.dev/moim/services/internal/settings"
)

// Values of SignupMode.
const (
	// modeLenient keeps an account that a participant refused or is late for; the others catch up.
	modeLenient = "lenient"
	// modeStrict opens an account when all have succeeded, and otherwise undoes everything.
	modeStrict = "strict"
)

type config struct {
	// SignupMode is lenient or strict.
	SignupMode string `env:"MOIM_SIGNUP_MODE" envDefault:"lenient"`
	// Participants are the services whose answers a saga waits for, SagaTimeout how long.
	Participants []string      `env:"MOIM_SAGA_PARTICIPANTS" envDefault:"chat,customer"`
	SagaTimeout  time.Duration `env:"MOIM_SAGA_TIMEOUT" envDefault:"10s"`
	// SagaTTL is how long a saga's record can be looked at.
	SagaTTL time.Duration `env:"MOIM_SAGA_TTL" envDefault:"24h"`
	// SessionLifetime is how long a session lasts that is not used.
	SessionLifetime time.Duration `env:"MOIM_SESSION_LIFETIME" envDefault:"720h"`
	// KeyRotation is how long a key signs tokens.
	KeyRotation time.Duration `env:"MOIM_KEY_ROTATION" envDefault:"720h"`
	// SignupsPerAddress is an hour's, LoginsPerAddress a minute's; 0 is no limit.
	SignupsPerAddress int `env:"MOIM_SIGNUPS_PER_ADDRESS" envDefault:"60"`
	LoginsPerAddress  int `env:"MOIM_LOGINS_PER_ADDRESS" envDefault:"60"`
}

func (c *config) Validate() error {
	switch {
	case c.SignupMode != modeLenient && c.SignupMode != modeStrict:
		return fmt.Errorf("MOIM_SIGNUP_MODE is %q, expected lenient or strict", c.SignupMode)
	case slices.Contains(c.Participants, own), slices.Contains(c.Participants, ""):
		return errors.New("MOIM_SAGA_PARTICIPANTS must name other services than auth")
	case c.SagaTimeout < time.Second, c.SagaTTL < c.SagaTimeout:
		return errors.New("MOIM_SAGA_TIMEOUT must be 1s or more, MOIM_SAGA_TTL not less than it")
	case c.SessionLifetime < time.Hour, c.KeyRotation < time.Hour:
		return errors.New("MOIM_SESSION_LIFETIME and MOIM_KEY_ROTATION must be 1h or more")
	case c.SignupsPerAddress < 0, c.LoginsPerAddress < 0:
		return errors.New("MOIM_SIGNUPS_PER_ADDRESS and MOIM_LOGINS_PER_ADDRESS must be 0 or more")
	}
	return nil
}

// live are the settings that auth follows. What has begun goes on as it began.
type live struct {
	signupMode        *settings.Value[string]
	sagaTimeout       *settings.Value[time.Duration]
	signupsPerAddress *settings.Value[int]
	loginsPerAddress  *settings.Value[int]
}

// maxSagaTimeout is the most that a saga's timeout may be set to.
const maxSagaTimeout = 10 * time.Minute

func newLive(s *settings.Set, c *config) live {
	return live{
		signupMode:        settings.Add(s, "signup.mode", c.SignupMode, settings.OneOf(modeLenient, modeStrict)),
		sagaTimeout:       settings.Add(s, "signup.timeout", c.SagaTimeout, settings.Between(time.Second, min(maxSagaTimeout, c.SagaTTL))),
		signupsPerAddress: settings.Add(s, "limits.signupsPerAddress", c.SignupsPerAddress, settings.Limit[int]),
		loginsPerAddress:  settings.Add(s, "limits.loginsPerAddress", c.LoginsPerAddress, settings.Limit[int]),
	}
}

// service is one replica of auth.
type service struct {
	*app.App
	cfg       *config
	live      live
	db        *pgxpool.Pool
	out       *outbox.Outbox
	keys      *keys
	passwords *passwords
	watchers  *watchers
}
