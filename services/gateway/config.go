package main

import (
	"errors"
	"path/filepath"
)

type config struct {
	// Services are the app ids that may be reached below /api/.
	Services []string `env:"MOIM_SERVICES" envDefault:"auth,user,customer,chat,message"`
	// RealtimeAddrs are replicas of realtime, host:port, or a name that stands for all of them.
	RealtimeAddrs []string `env:"MOIM_REALTIME_ADDRS" envDefault:"realtime:8080"`
	// WebDir holds the built web client. KoData is where ko puts it in an image. With neither there is no web client.
	WebDir string `env:"MOIM_WEB_DIR"`
	KoData string `env:"KO_DATA_PATH"`
	// TrustedProxies are networks whose X-Forwarded-For is believed: those of the ingress.
	TrustedProxies []string `env:"MOIM_TRUSTED_PROXIES"`
	// RatePerUser and RatePerAddress are requests per second and replica, 0 for no limit; bursts are four times as many.
	RatePerUser    float64 `env:"MOIM_RATE_PER_USER" envDefault:"25"`
	RatePerAddress float64 `env:"MOIM_RATE_PER_ADDRESS" envDefault:"100"`
	// MaxBody bounds a request's body, in bytes.
	MaxBody int64 `env:"MOIM_MAX_BODY" envDefault:"1048576"`
}

func (c *config) Validate() error {
	switch {
	case c.RatePerUser < 0 || c.RatePerAddress < 0:
		return errors.New("MOIM_RATE_PER_USER and MOIM_RATE_PER_ADDRESS must be 0 or more")
	case c.MaxBody <= 0:
		return errors.New("MOIM_MAX_BODY must be more than 0")
	case len(c.RealtimeAddrs) == 0:
		return errors.New("MOIM_REALTIME_ADDRS must name at least one address")
	}
	return nil
}

func (c *config) webDir() string {
	if c.WebDir == "" && c.KoData != "" {
		return filepath.Join(c.KoData, "web")
	}
	return c.WebDir
}
